// A side that answers by rule: each run takes the time in its first argument, outputs are the second argument's numbers.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [time, values, death] = process.argv.slice(2);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
say({ ready: true, versions: { fake: '1.0' } });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.do === death) {
    process.stderr.write('out of memory\n');
    process.exit(3);
  }
  if (request.do === 'prepare' && request.subject.kind === 'conv') say({ error: 'no convolutions here' });
  else if (request.do === 'run') say({ times: new Array(request.n).fill(Number(time)) });
  else if (request.do === 'output') {
    const numbers = Float32Array.from(values.split(',').map(Number));
    writeFileSync(request.path, numbers);
    say({ parts: [{ name: 'y', size: numbers.length }] });
  } else say({});
}
