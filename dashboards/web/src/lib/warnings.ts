// What will go wrong unless somebody sees to it in time: the calendar that runs out, the times without anybody on duty.
import type { Gateway, Text } from '../api/types';
import { gapsWords } from './duty';
import { words } from './words';

/** What people should see to, as the gateway stands now. */
export function warningsOf(gateway: Gateway | null): Text[] {
  if (gateway === null) return [];
  const warnings: Text[] = [];
  if (gateway.on_duty.length === 0) warnings.push(words.roster_gap);
  const [zh, en] = [gapsWords(gateway, 'zh'), gapsWords(gateway, 'en')];
  if (zh !== null && en !== null) warnings.push({ zh, en });
  const calendar = gateway.calendar?.warning;
  if (calendar != null) warnings.push(calendar);
  return warnings;
}
