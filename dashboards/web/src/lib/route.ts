// Which page the address means: everything after the # and nothing else, so that the gateway serves one file.

export type View =
  | 'wall'
  | 'devices'
  | 'device'
  | 'alarms'
  | 'tickets'
  | 'ticket'
  | 'report-fault'
  | 'planned'
  | 'handovers'
  | 'handover'
  | 'service-report'
  | 'connections'
  | 'more'
  | 'nowhere';

/** The sides of a device's page. */
export const DEVICE_SIDES = ['now', 'record', 'sheet', 'link'] as const;
export type DeviceSide = (typeof DEVICE_SIDES)[number];

export interface Route {
  view: View;
  /** Of the device, ticket or handover; empty elsewhere. */
  id: string;
  /** Of a device's page. */
  side: DeviceSide;
  /** What the list is narrowed to, e.g. class=elevator. */
  query: URLSearchParams;
}

/** Pages without an id, by their address. */
const PLAIN: Record<string, View> = {
  '': 'wall',
  devices: 'devices',
  alarms: 'alarms',
  tickets: 'tickets',
  report: 'report-fault',
  planned: 'planned',
  handovers: 'handovers',
  'service-report': 'service-report',
  connections: 'connections',
  more: 'more',
};
const WITH_ID: Record<string, View> = { devices: 'device', tickets: 'ticket', handovers: 'handover' };

/** Reads "#/devices/fire-main-1/link" or "#/devices?class=elevator". */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [room = '', id = '', side, ...rest] = path.split('/').map(decoded);
  const isKnown = rest.length === 0 && (side === undefined || (room === 'devices' && isSide(side)));
  return {
    view: isKnown ? ((id === '' ? PLAIN[room] : WITH_ID[room]) ?? 'nowhere') : 'nowhere',
    id,
    side: side !== undefined && isSide(side) ? side : 'now',
    query: new URLSearchParams(search),
  };
}

const isSide = (word: string): word is DeviceSide => (DEVICE_SIDES as readonly string[]).includes(word);

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function toDevice(id: string, side: DeviceSide = 'now'): string {
  const page = `#/devices/${encodeURIComponent(id)}`;
  return side === 'now' ? page : `${page}/${side}`;
}

export const toTicket = (id: string): string => `#/tickets/${encodeURIComponent(id)}`;
export const toHandover = (id: string): string => `#/handovers/${encodeURIComponent(id)}`;
export const toClass = (name: string): string => `#/devices?class=${encodeURIComponent(name)}`;

export const toConnection = (name: string): string => `#/devices?connection=${encodeURIComponent(name)}`;

/** The report of "2026-11" or "2026-Q4"; `behind` names the figure whose records are wanted. */
export function toReport(period: string, behind?: string): string {
  const query = new URLSearchParams({ period, ...(behind !== undefined && { behind }) });
  return `#/service-report?${query}`;
}
