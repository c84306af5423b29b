import type { AlgebraRow, Block } from './block.ts';
import { allBlocks } from './table.ts';

const INTRODUCTION = `# The algebra of affinities

Printed by \`npm run docs\` from the records of the blocks; a test compares every row with a trace.

Every mechanism here is one equation,

    y_i = fuse(x_i, transform(Σ_j A_ij v_j))        A_ij = normalise_j(score_ij + prior_ij)

over positions i that ask and positions j that are read: pixels of a picture, steps of a series, places of a video, or the
members of a set. A block says, with the one word \`aggregate\`:

- **reads**: which j an i reads. \`everywhere\`; a \`window\` around it, of side k, with stride and dilation; \`along\` some axes,
  such as its own row.
- **score**: how i and j are compared. \`dot-product\`; \`squared-difference\` and \`absolute-difference\`; \`concatenation\`;
  \`given\` by a tensor from elsewhere: a static kernel, or one that a network makes at each position; or \`none\`.
- **normalise**: \`softmax\` over what is read, division by their \`count\`, or \`none\`.
- **heads**: how many affinities stand side by side, and **sharing**: which channels of v share one.
- **prior**: what is added to the scores, such as a relative position; a softmax makes of it a factor.
- **mix**: a sum of several affinities. Since A enters linearly, each part is computed by itself and no sum of maps is made.
- **transform** and **fusion**: what is done to the sum, and how it meets x.

A convolution is the value whose affinity depends on the offset alone; an average pool the one that compares nothing; and
where the score does not depend on i, all queries share one map, of which one row is computed. That self-attention,
depthwise convolution and MLP-Mixer are special cases of CONTAINER's mixture, and a simplified non-local block one of the
non-local block, is tested in \`test/model/algebra.test.ts\`.

How each is computed is chosen by cost, for inference and for training: \`farsight explain block:KIND\` prints the choice.

Multiply-adds are those of comparing and reading (and of making the scores, where a network makes them) by the plain way,
for one picture: N positions, window side k, C channels; other letters as in the row.

`;

const COLUMNS: readonly (readonly [head: string, cell: (row: AlgebraRow, block: Block) => string])[] = [
  ['mechanism', (row) => row.mechanism],
  ['block', (row, { kind }) => `\`${kind}\`${changed(row)}`],
  ['reads', (row) => row.reads],
  ['score', (row) => row.score],
  ['normalise', (row) => row.normalise],
  ['heads', (row) => row.heads],
  ['sharing', (row) => row.sharing],
  ['prior', (row) => row.prior],
  ['mix', (row) => row.mix],
  ['transform', (row) => row.transform],
  ['fusion', (row) => row.fusion],
  ['multiply-adds', (row) => row.macs],
  ['source', (row) => row.source],
];

/** The page docs/algebra.md: one row a mechanism, from the records of the blocks. */
export function algebraPage(blocks: readonly Block[] = allBlocks()): string {
  const rows = blocks.flatMap((block) =>
    block.algebra.map((row) => COLUMNS.map(([, cell]) => escaped(cell(row, block)))),
  );
  const lines = [COLUMNS.map(([head]) => head), COLUMNS.map(() => '---'), ...rows];
  return `${INTRODUCTION}${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

/** Options that make the row out of the block's sample. */
function changed({ changes }: AlgebraRow): string {
  if (!changes) return '';
  const said = Object.entries(changes).map(([key, value]) => `\`${key}: ${JSON.stringify(value)}\``);
  return ` with ${said.join(', ')}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}
