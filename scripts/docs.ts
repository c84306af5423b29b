/** Prints the pages of docs/ that are made from the tables in code: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { algebraPage } from '../src/model/blocks/algebra.ts';

writeFileSync(join(import.meta.dirname, '../docs/algebra.md'), algebraPage());
