// Which page the address means: everything after the # and nothing else, so that the gateway serves one file.

export type View = 'wall' | 'devices' | 'device' | 'alarms' | 'tickets' | 'ticket' | 'report' | 'nowhere';

export interface Route {
  view: View;
  /** Of the device or ticket; empty elsewhere. */
  id: string;
  /** What the list is narrowed to, e.g. class=elevator. */
  query: URLSearchParams;
}

/** Reads "#/devices/fire-main-1" or "#/devices?class=elevator". */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [room = '', id = '', ...rest] = path.split('/').map(decoded);
  const query = new URLSearchParams(search);
  return { view: rest.length > 0 ? 'nowhere' : viewOf(room, id), id, query };
}

function viewOf(room: string, id: string): View {
  if (room === '' && id === '') return 'wall';
  if (room === 'devices') return id === '' ? 'devices' : 'device';
  if (room === 'alarms' && id === '') return 'alarms';
  if (room === 'report' && id === '') return 'report';
  if (room === 'tickets') return id === '' ? 'tickets' : 'ticket';
  return 'nowhere';
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const toDevice = (id: string): string => `#/devices/${encodeURIComponent(id)}`;
export const toTicket = (id: string): string => `#/tickets/${encodeURIComponent(id)}`;
export const toClass = (name: string): string => `#/devices?class=${encodeURIComponent(name)}`;
