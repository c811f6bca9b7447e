/** Drawing when the browser does: once a frame, however often it is asked for. */

/** @returns asks for `draw` at the next frame */
export function onceAFrame(draw: () => void): () => void {
  let planned = false;
  return () => {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      draw();
    });
  };
}
