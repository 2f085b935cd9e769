// Reads the bundled profiles and the demo site's devices, so that the mock has the very names of the real thing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const unquoted = (text) => text.trim().replace(/^"|"$/g, '');

/** `{ zh = "…", en = "…" }` as an object. */
function texts(line) {
  return { zh: /zh\s*=\s*"([^"]*)"/.exec(line)?.[1] ?? '', en: /en\s*=\s*"([^"]*)"/.exec(line)?.[1] ?? '' };
}

function labels(block) {
  const found = {};
  for (const [, key, text] of block.matchAll(/(?:^|[{,\s])"?(\d+)"?\s*=\s*(\{[^}]*\})/gm)) found[key] = texts(text);
  return found;
}

function point(block) {
  const key = (name) => new RegExp(`^${name}\\s*=\\s*(.*)$`, 'm').exec(block)?.[1] ?? '';
  const type = unquoted(key('type'));
  const range = /\[(.*),(.*)\]/.exec(key('range'));
  return {
    name: unquoted(key('name')),
    title: texts(key('title')),
    unit: unquoted(key('unit')),
    kind: type === 'bool' ? 'bool' : type.startsWith('string') ? 'text' : 'number',
    range: range ? [Number(range[1]), Number(range[2])] : null,
    labels: labels(block),
  };
}

/** Every profile in a folder, in the interface's shape. */
export function readProfiles(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.toml'));
  return files.map((file) => {
    const [head, ...points] = readFileSync(join(folder, file), 'utf8').split(/^\[\[point\]\]$/m);
    return {
      id: file.replace('.toml', ''),
      class: unquoted(/^class\s*=\s*(.*)$/m.exec(head)[1]),
      name: texts(/^name\s*=\s*(.*)$/m.exec(head)[1]),
      points: points.map(point),
    };
  });
}

/** Every line of a devices.csv, in the interface's shape and without values. */
export function readDevices(file, profiles) {
  const classOf = new Map(profiles.map((profile) => [profile.id, profile.class]));
  const [head, ...lines] = readFileSync(file, 'utf8')
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(','));
  return lines.map((cells) => {
    const row = Object.fromEntries(head.map((name, i) => [name, cells[i]]));
    const { id, name, profile, connection, building, location } = row;
    return { id, name, class: classOf.get(profile), profile, connection, building, location, state: 'ok', points: {} };
  });
}
