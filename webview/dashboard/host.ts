/** The dashboard's line to the extension host, and what it keeps over a reload. */
import type { HostMessage, PageMessage } from '../../src/protocol/dashboard';
import { line } from '../page';

export const { send, onHostMessage } = line<PageMessage, HostMessage>();
export { savedState, saveState } from '../page';
