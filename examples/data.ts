// Opens a table of pictures, looks at its classes, and weighs them for a loss.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { classCounts, classWeights, describeDataset, nodeFiles, openDataset } from 'farsight/node';

const folder = await mkdtemp(`${tmpdir()}/farsight-`);
const pictures = ['a.png', 'b.png', 'c.png', 'd.png', 'e.png'];
for (const name of pictures) await writeFile(`${folder}/${name}`, name);
const rows = pictures.map((name, i) => `${name},${i < 3 ? 'smooth' : 'rough'}`);
await writeFile(`${folder}/labels.csv`, ['file,label', ...rows].join('\n'));

const { format, train, test } = await openDataset(nodeFiles, folder, { holdOut: 0.4, seed: 0 });
console.log(`${format}: ${describeDataset(train)}; judged on ${test.samples.length}`);
console.log(`weights: ${classWeights(classCounts(train), 'balanced')!.join(', ')}`);
await rm(folder, { recursive: true });
