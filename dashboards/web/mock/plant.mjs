// Makes values that look like a plant at work: quiet, a little in motion, and breakable.

const TYPICAL = {
  main_pressure: 0.42,
  end_pressure: 0.31,
  outlet_pressure: 0.42,
  inlet_pressure: 0.21,
  set_pressure: 0.42,
  tank_level: 78,
  tank_volume: 41,
  voltage_l1: 386 / 1.732,
  voltage_l2: 222.4,
  voltage_l3: 223.1,
  active_power: 41.2,
  power_factor: 0.94,
  frequency: 50,
  residual_chlorine: 0.42,
  turbidity: 0.31,
  ph: 7.2,
  level: 0.9,
  jockey_start_pressure: 0.35,
  jockey_stop_pressure: 0.45,
  fault_code: 0,
  mode: 0,
  direction: 0,
  door: 0,
  floor: 6,
  lamps_total: 24,
  lamps_lit: 24,
  battery_charge: 97,
  earth_resistance: 2.1,
  strike_count: 3,
  pump_3_frequency: 0,
  flow: 0,
};
const TRUE = new Set([
  'in_service',
  'auto_mode',
  'supply_present',
  'mains_present',
  'main_supply_present',
  'backup_supply_present',
  'commanded_on',
  'contactor_closed',
  'spd_healthy',
  'backup_breaker_closed',
  'earth_connected',
  'breaker_closed',
  'link_up',
  'pump_1_running',
  'inlet_valve_open',
  'outlet_valve_open',
  'sampling_pump_running',
  'fan_running',
  'disinfector_running',
  'door_zone',
  'car_light_on',
]);
const STEADY = new Set(['lamps_total', 'lamps_lit', 'fault_code', 'mode', 'strike_count', 'direction', 'door']);

/** A point's value at a moment (s); the same moment always gives the same value, so that history fits. */
export function valueAt(device, point, seconds) {
  if (point.kind === 'text') return 'A-1';
  if (point.kind === 'bool') return TRUE.has(point.name);
  const middle =
    TYPICAL[point.name] ??
    (point.range ? Math.min(48_213, point.range[0] + (point.range[1] - point.range[0]) * 0.35) : 10);
  if (STEADY.has(point.name)) return middle;
  const seed = [...(device + point.name)].reduce((sum, c) => sum + c.charCodeAt(0), 0);
  if (point.name === 'floor') return 1 + Math.floor(Math.abs(Math.sin(seconds / 60 + seed)) * 17);
  const wave =
    Math.sin(seconds / 190 + seed) * 0.6 + Math.sin(seconds / 31 + 2 * seed) * 0.3 + Math.sin(seconds / 7 + seed) * 0.1;
  const value = middle * (1 + 0.03 * wave);
  const isCounted = point.unit === '' && middle > 10;
  return isCounted ? Math.round(value) : Number(value.toPrecision(5));
}
