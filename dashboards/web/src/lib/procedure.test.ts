// Tests of reading a procedure.
import { expect, test } from 'vitest';
import { parseProcedure } from './procedure';

test('a procedure is read as numbered steps, whatever is between them', () => {
  const blocks = parseProcedure(
    '# Low pressure\n\n1. Look at the **pump**\n2. Listen\n\n3. Close the valve\n\nThen call.\n',
  );
  expect(blocks).toEqual([
    { kind: 'heading', text: 'Low pressure' },
    { kind: 'steps', ordered: true, items: ['Look at the pump', 'Listen', 'Close the valve'] },
    { kind: 'words', text: 'Then call.' },
  ]);
});
