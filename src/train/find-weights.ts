import { Fault } from '../core/fault.ts';
import { nearest } from '../core/suggest.ts';
import type { Output } from '../data/output.ts';
import { type Hub, type HubRequest, parseHubReference } from '../weights/hub.ts';
import { PUBLISHED, type PublishedWeights, publishedWeights } from './published.ts';

/** What finding weights needs of a machine. */
export interface WeightsPlaces {
  readonly output: Pick<Output, 'exists'>;
  /** Where published weights come from; absent where a platform has no such place. */
  readonly hub?: Hub;
}

/** A file of weights on this computer. */
export interface LocalWeights {
  readonly path: string;
  /** What a message calls them: the path or the reference. */
  readonly name: string;
  /** What is known of them beforehand. */
  readonly published: PublishedWeights | null;
  /** What is to be said: downloaded or found in the cache. */
  readonly notes: readonly string[];
}

/**
 * The file that a text names: a path, `hf:owner/name[/path][@revision]`, or the name of published weights such as
 * `timm/gcresnet50t.ra2_in1k`. What is not on this computer is downloaded.
 */
export async function findWeights(
  text: string,
  { output, hub }: WeightsPlaces,
  request: HubRequest = {},
): Promise<LocalWeights> {
  const published = publishedWeights(text);
  const isPath = published !== null && !text.startsWith('hf:') && (await output.exists(text));
  const reference = isPath ? null : parseHubReference(published?.reference ?? text);
  if (!reference) {
    await checkThere(text, output);
    return { path: text, name: text, published: null, notes: [] };
  }
  if (!hub) {
    throw new Fault(
      'config',
      `${text}: expected a file, since nothing is downloaded here, got a reference to the hub.`,
    );
  }
  const file = await hub.fetch(reference, request);
  const name = `${file.repo}/${file.file}`;
  const came = file.cached ? 'was downloaded before' : 'is downloaded';
  const notes = [...file.notes, `${name} at ${file.commit.slice(0, 8)} ${came}.`];
  return { path: file.path, name, published: published ?? publishedWeights(file.repo), notes };
}

/** Refuses a path that leads nowhere, and says which published weights it may have meant. */
async function checkThere(text: string, output: WeightsPlaces['output']): Promise<void> {
  if (await output.exists(text)) return;
  const near = nearest(text.replace(/^timm\//, ''), [...PUBLISHED.keys()]);
  const meant = near.length > 0 ? `Did you mean ${near.map((n) => `timm/${n}`).join(' or ')}?` : null;
  const advice = meant ?? 'Check the path; of the hub write hf:OWNER/NAME.';
  throw new Fault('data', `${text}: expected a file of weights, got nothing of that name. ${advice}`);
}
