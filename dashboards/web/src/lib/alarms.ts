// What an alarm means to a person: whether it needs somebody, and which comes first.
import type { Alarm, AlarmAction, AlarmState, Severity } from '../api/types';

export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low'];

/** 0 for the worst. */
export const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

/** Whether it stands now and nobody has put it aside. */
export function isStanding(alarm: Alarm): boolean {
  return alarm.state === 'active_unacked' || alarm.state === 'active_acked' || alarm.state === 'latched';
}

/** What a person can do about it; null where it only stands, or is suppressed by another. */
export function actionFor(state: AlarmState): AlarmAction | null {
  switch (state) {
    case 'active_unacked':
    case 'returned_unacked':
      return 'acknowledge';
    case 'latched':
      return 'reset';
    case 'shelved':
      return 'unshelve';
    case 'out_of_service':
      return 'in-service';
    case 'active_acked':
    case 'suppressed':
    case 'normal':
      return null;
  }
}

export type AsideAction = 'shelve' | 'out-of-service';

/** Whether a person has set it aside for a while. */
export const isAside = (alarm: Alarm): boolean => alarm.state === 'shelved' || alarm.state === 'out_of_service';

/** How it can be set aside, as it stands. */
export function asideActions(state: AlarmState): AsideAction[] {
  if (state === 'out_of_service') return [];
  return state === 'shelved' ? ['out-of-service'] : ['shelve', 'out-of-service'];
}

/** For how long an alarm is usually set aside (hours): a shift at most, or as long as a repair takes. */
export const ASIDE_HOURS: Record<AsideAction, readonly number[]> = {
  shelve: [1, 4, 8, 24],
  'out-of-service': [8, 24, 168],
};

/** Standing ones first, the worst of them first, then the newest. */
export function inOrder(alarms: Iterable<Alarm>): Alarm[] {
  return [...alarms].sort(
    (a, b) =>
      Number(isStanding(b)) - Number(isStanding(a)) ||
      rank(a.severity) - rank(b.severity) ||
      Date.parse(b.since) - Date.parse(a.since),
  );
}

/** The worst severity among alarms, and how many have it; null when there are none. */
export function worst(alarms: Alarm[]): { severity: Severity; count: number } | null {
  const severity = SEVERITIES.find((s) => alarms.some((a) => a.severity === s));
  if (severity === undefined) return null;
  return { severity, count: alarms.filter((a) => a.severity === severity).length };
}

/** The alarms that stand now and did not stand before: what is to be announced. */
export function newlyStanding(before: ReadonlyMap<string, Alarm>, after: Iterable<Alarm>): Alarm[] {
  return [...after].filter((alarm) => {
    const old = before.get(alarm.id);
    return isStanding(alarm) && (old === undefined || !isStanding(old));
  });
}
