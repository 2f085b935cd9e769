// Reads a rule's procedure, a little Markdown, into blocks that the page can draw without trusting any HTML.

export type Block =
  | { kind: 'heading'; text: string }
  | { kind: 'steps'; ordered: boolean; items: string[] }
  | { kind: 'words'; text: string };

/** Headings, numbered and plain lists, and paragraphs; emphasis marks are dropped. */
export function parseProcedure(markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const line of markdown.split(/\r?\n/)) {
    const text = line.trim();
    if (text !== '') take(blocks, text, line.startsWith(' '));
    else blocks.push({ kind: 'words', text: '' });
  }
  return blocks.filter((block) => block.kind !== 'words' || block.text !== '');
}

function take(blocks: Block[], text: string, indented: boolean): void {
  const last = blocks.at(-1);
  const heading = /^#+\s+(.*)$/.exec(text)?.[1];
  const numbered = /^\d+[.)、]\s*(.*)$/.exec(text)?.[1];
  const item = numbered ?? /^[-*]\s+(.*)$/.exec(text)?.[1];
  if (heading !== undefined) blocks.push({ kind: 'heading', text: plain(heading) });
  else if (item !== undefined) addItem(blocks, plain(item), numbered !== undefined);
  else if (last?.kind === 'steps' && indented) last.items.push(`${last.items.pop() ?? ''} ${plain(text)}`);
  else if (last?.kind === 'words' && last.text !== '') last.text += ` ${plain(text)}`;
  else blocks.push({ kind: 'words', text: plain(text) });
}

function addItem(blocks: Block[], text: string, ordered: boolean): void {
  // A blank line between two items does not begin a new list.
  const last = blocks.findLast((block) => block.kind !== 'words' || block.text !== '');
  if (last?.kind === 'steps' && last.ordered === ordered) last.items.push(text);
  else blocks.push({ kind: 'steps', ordered, items: [text] });
}

const plain = (text: string): string => text.replace(/\*\*|__|`/g, '').trim();
