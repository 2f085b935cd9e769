// The mock's wire: how devices and connections do, with one that misbehaves.

const PLAN = [
  { table: 'holding', first: 0, count: 18, points: 12 },
  { table: 'holding', first: 48, count: 6, points: 3 },
  { table: 'discrete', first: 0, count: 9, points: 9 },
];

export function link(device, isSilent, seconds) {
  const polls = Math.floor(seconds) + 86_400;
  const isOdd = device.id.endsWith('-2');
  return {
    id: device.id,
    connection: device.connection,
    polls,
    late_polls: isOdd ? 14 : 0,
    timeouts: isSilent ? 2_306 : isOdd ? 41 : 0,
    refusals: isOdd ? 3 : 0,
    malformed: 0,
    samples_dropped: 0,
    latency_ms: isSilent ? null : { p50: 3.412, p95: 7.9, p99: isOdd ? 212.4 : 11.25, of: 512 },
    plan: {
      requests: device.connection.includes('mqtt') || device.connection.includes('broker') ? [] : PLAN,
      learnt: isOdd
        ? {
            refused: [{ table: 'holding', first: 40, count: 8, exception: 2 }],
            not_read_across: [{ table: 'holding', before: 48 }],
            most_registers: 32,
            most_bits: null,
            pause_ms: 20,
          }
        : { refused: [], not_read_across: [], most_registers: null, most_bits: null, pause_ms: 0 },
    },
  };
}

export function connections(all) {
  const devices = [...all];
  const names = [...new Set(devices.map((device) => device.connection))];
  return names.map((name, i) => {
    const isBroker = name.includes('mqtt') || name.includes('broker');
    return {
      name,
      url: isBroker ? 'mqtt://127.0.0.1:1883' : `modbus+tcp://192.168.1.${20 + i}:502`,
      state: i === 2 ? 'down' : 'up',
      devices: devices.filter((device) => device.connection === name).length,
      reconnects: i === 2 ? 37 : 0,
      messages: isBroker ? 48_112 : 0,
      messages_dropped: 0,
      latency_ms: isBroker ? null : { p50: 2.9 + i, p95: 8.1, p99: 13.7, of: 1_024 },
    };
  });
}
