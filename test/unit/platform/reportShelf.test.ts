import assert from 'node:assert/strict';
import { ReportShelf } from '../../../src/platform/reportShelf';

describe('the reports that are kept', () => {
  it('go when the tab that showed them is closed, and not before it opened', () => {
    const shelf = new ReportShelf();
    shelf.put('a', 'run checkpoint-1.md', 'A');
    shelf.keep([]);
    assert.equal(shelf.get('a'), 'A', 'its preview is about to open');
    shelf.keep(['notes.md', 'Preview run checkpoint-1.md']);
    shelf.put('b', 'run checkpoint-2.md', 'B');
    shelf.keep(['Vorschau run checkpoint-1.md', 'Vorschau run checkpoint-2.md']);
    shelf.keep(['Preview run checkpoint-2.md']);
    assert.equal(shelf.get('a'), undefined);
    assert.equal(shelf.get('b'), 'B');
    shelf.keep([]);
    assert.equal(shelf.size, 0);
  });

  it('stay when a report is made anew under an open tab', () => {
    const shelf = new ReportShelf();
    for (const text of ['first', 'second']) {
      shelf.put('a', 'x.md', text);
      shelf.keep(['Preview x.md']);
    }
    assert.equal(shelf.get('a'), 'second');
  });

  it('say which folder has another name since, each time it gets one', () => {
    const shelf = new ReportShelf();
    shelf.put('a', 'a.md', 'A', ['/w/demo/checkpoints/checkpoint-1', '/w/other/checkpoints/checkpoint-1']);
    shelf.put('b', 'b.md', 'B', ['/w/demo-2/checkpoints/checkpoint-1']);
    shelf.put('c', 'c.md', 'C');
    assert.deepEqual(shelf.moved('/w/demo', '/w/x', '*x now*'), ['a']);
    assert.deepEqual(shelf.moved('/w/demo', '/w/y', '*y now*'), []);
    assert.deepEqual(shelf.moved('/w/x', '/w/z', '*z now*'), ['a']);
    assert.equal(shelf.get('a'), '*z now*\n\n*x now*\n\nA');
    assert.deepEqual([shelf.get('b'), shelf.get('c')], ['B', 'C']);
  });

  it('never grow without end, whatever previews do', () => {
    const shelf = new ReportShelf();
    for (let index = 0; index < 1000; index += 1) shelf.put(String(index), `${index}.md`, 'text');
    assert.ok(shelf.size <= 30);
    assert.equal(shelf.get('999'), 'text');
  });
});
