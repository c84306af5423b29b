import { Fault } from '../core/fault.ts';

/** A file of a repository on the hub, or whichever file holds its weights. */
export interface HubReference {
  /** `owner/name`. */
  readonly repo: string;
  /** Path of the file inside the repository; null: the one that holds the weights. */
  readonly path: string | null;
  /** Branch, tag or commit; null: the newest. */
  readonly revision: string | null;
}

/** How far a download is. */
export interface HubProgress {
  readonly repo: string;
  readonly path: string;
  /** Bytes that are on the disk, those of an earlier try included. */
  readonly received: number;
  /** Bytes of the whole file. */
  readonly total: number;
}

/** How a file is fetched. */
export interface HubRequest {
  readonly onProgress?: (progress: HubProgress) => void;
  readonly signal?: AbortSignal;
  /** Whether only files that were downloaded before are given; as the environment says where absent. */
  readonly offline?: boolean;
}

/** A file of the hub that lies on this computer. */
export interface HubFile {
  /** Path on this computer; the shards of an index lie beside it. */
  readonly path: string;
  readonly repo: string;
  /** Path inside the repository. */
  readonly file: string;
  /** The commit that it is of. */
  readonly commit: string;
  /** Whether nothing had to be downloaded. */
  readonly cached: boolean;
  /** What else is to be said: that the hub could not be reached, say; empty where nothing is. */
  readonly notes: readonly string[];
}

/** Where published weights come from. */
export interface Hub {
  /** The file of a reference, downloaded unless it is there, its hash checked; an index comes with its shards. */
  fetch(reference: HubReference, request?: HubRequest): Promise<HubFile>;
}

/** The beginning of references to the hub. */
export const HUB_SCHEME = 'hf:';

const FORM = 'hf:OWNER/NAME, hf:OWNER/NAME/FILE or either with @REVISION at the end';
/** The hub's own rule for the names of owners and repositories. */
const NAME = /^[\w.-]{1,96}$/;
/** Branches, tags, commits, and `refs/pr/1`. */
const REVISION = /^[\w.-]+(\/[\w.-]+)*$/;
const MOST_LENGTH = 1024;

/** Reads `hf:owner/name[/path][@revision]`; null where a text does not begin with `hf:`. */
export function parseHubReference(text: string): HubReference | null {
  if (!text.startsWith(HUB_SCHEME)) return null;
  const body = text.slice(HUB_SCHEME.length);
  const at = body.lastIndexOf('@');
  const [place, revision] = at < 0 ? [body, null] : [body.slice(0, at), body.slice(at + 1)];
  const [owner = '', name = '', ...path] = place.split('/');
  const wrong =
    text.length > MOST_LENGTH ||
    ![owner, name].every((n) => NAME.test(n) && !/\.\.|--|^[.-]|[.-]$/.test(n)) ||
    (revision !== null && (!REVISION.test(revision) || revision.includes('..')));
  if (wrong) {
    throw new Fault('config', `weights: expected ${FORM}, got ${JSON.stringify(text.slice(0, 200))}.`);
  }
  if (path.length > 0) checkRepositoryPath(path.join('/'), text);
  return { repo: `${owner}/${name}`, path: path.length > 0 ? path.join('/') : null, revision };
}

/** Refuses a path that could lead out of a repository, or of the folder that it is written to. */
export function checkRepositoryPath(path: string, where: string): void {
  const parts = path.split('/');
  const fine = (part: string): boolean => /^[^\\:\p{Cc}]{1,255}$/u.test(part) && part !== '.' && part !== '..';
  if (path.length <= MOST_LENGTH && parts.every(fine)) return;
  throw new Fault(
    'data',
    `${where}: expected the path of a file inside the repository, got ${JSON.stringify(path.slice(0, 200))}.`,
  );
}

/** A reference as people write it. */
export function showHubReference({ repo, path, revision }: HubReference): string {
  return `${HUB_SCHEME}${repo}${path === null ? '' : `/${path}`}${revision === null ? '' : `@${revision}`}`;
}

/** Names that weights have on the hub, the preferred first. */
const WEIGHTS_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'pytorch_model.pth',
];

/** Whether a file's name is that of weights that can be read here. */
export function isWeightsFile(path: string): boolean {
  return /\.(safetensors|pth|pt|bin|safetensors\.index\.json|bin\.index\.json)$/.test(path);
}

/**
 * Which of a repository's files holds its weights: the hub's usual names, or the only safetensors, or the only file
 * of weights at the top; a fault that lists the candidates where that does not decide.
 */
export function chooseWeightsFile(files: readonly string[], where: string): string {
  const usual = WEIGHTS_FILES.find((name) => files.includes(name));
  if (usual !== undefined) return usual;
  const candidates = files.filter((f) => !f.includes('/') && isWeightsFile(f)).sort();
  for (const ending of ['.safetensors', '.safetensors.index.json', '']) {
    const some = candidates.filter((f) => f.endsWith(ending));
    if (some.length === 1) return some[0]!;
    if (some.length > 1) break;
  }
  const all = files.filter(isWeightsFile).sort();
  const got = all.length === 0 ? 'none' : `${all.slice(0, 10).join(', ')}${all.length > 10 ? ', ..' : ''}`;
  const advice = all.length === 0 ? 'Is it the repository that you mean?' : `Name one: ${where}/${all[0]}.`;
  throw new Fault('data', `${where}: expected one file of weights, got ${got}. ${advice}`);
}
