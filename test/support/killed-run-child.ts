import { readFileSync, writeSync } from 'node:fs';
import type { Output } from '../../src/data/output.ts';
import { nodePlatform } from '../../src/node.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { resumeRun, startRun } from '../../src/train/run.ts';

/** Tells the parent, before each change of a file, that it comes now. */
function told(output: Output): Output {
  const tell = (): void => {
    writeSync(1, '.');
  };
  return {
    ...output,
    write: (path, pieces) => {
      tell();
      return output.write(path, pieces);
    },
    append: (path, more) => {
      tell();
      return output.append(path, more);
    },
    rename: (from, to) => {
      tell();
      return output.rename(from, to);
    },
    remove: (path) => {
      tell();
      return output.remove(path);
    },
  };
}

const [what, folder, config] = process.argv.slice(2) as [string, string, string];
const plain = nodePlatform();
const platform = { ...plain, output: told(plain.output) };
const result =
  what === 'begin'
    ? await startRun(readRunConfig(JSON.parse(readFileSync(config, 'utf8'))), platform, { folder })
    : await resumeRun(platform, { folder });
if (!result.finished) throw new Error('the run did not finish');
