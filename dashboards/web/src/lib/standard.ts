// Which rows of the service standard a person may report a fault under: a class's own first, complaints last.

const ROWS_OF_CLASS: Record<string, string[]> = {
  fire_water: ['fire-water'],
  elevator: ['elevator', 'elevator-entrapment'],
  power: ['power'],
  water_supply: ['water-supply'],
  drainage: ['drainage'],
  lighting: ['lighting', 'lighting-complex'],
};
const OF_ANYTHING = ['urgent-repair', 'general-fault'];
const OF_NO_DEVICE = ['complaint', 'complaint-severe'];

/** The rows to choose from for a device of a class, or for none; the first is the one to begin with. */
export function rowsFor(className: string | null): string[] {
  if (className !== null) return [...(ROWS_OF_CLASS[className] ?? []), ...OF_ANYTHING.toReversed(), 'repair-report'];
  return ['repair-report', 'urgent-repair', ...Object.values(ROWS_OF_CLASS).flat(), 'general-fault', ...OF_NO_DEVICE];
}
