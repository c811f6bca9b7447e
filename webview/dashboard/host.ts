/** The dashboard's line to the extension host, and what it keeps over a reload. */
import { parseHostMessage, type HostMessage, type PageMessage } from '../../src/protocol/dashboard';
import { line } from '../page';

export const { send, onHostMessage, questions } = line<PageMessage, HostMessage>(parseHostMessage);
export { savedState, saveState } from '../page';
