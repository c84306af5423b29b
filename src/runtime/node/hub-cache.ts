import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/**
 * A repository's part of the hub's cache, as the official clients lay it out, so that what they downloaded is used:
 *
 *     models--OWNER--NAME/blobs/HASH                what was downloaded, by its hash
 *     models--OWNER--NAME/refs/REVISION             the commit of a branch or tag, when it was last asked for
 *     models--OWNER--NAME/snapshots/COMMIT/PATH     links to blobs
 */
export interface HubStore {
  /** The blob of a hash. */
  blob(hash: string): string;
  /** A file of a commit. */
  snapshot(commit: string, path: string): string;
  /** The commit of a revision as far as it is known here; null where it is not. */
  commitOf(revision: string): Promise<string | null>;
  remember(revision: string, commit: string): Promise<void>;
  /** Paths of the files of a commit that are here. */
  files(commit: string): Promise<readonly string[]>;
  /** Makes a file of a commit of a blob. */
  link(commit: string, path: string, hash: string): Promise<void>;
}

/** Whether a revision is a commit: such a one never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** The cache folder: FARSIGHT_CACHE, or where the hub's own clients keep theirs. */
export function hubCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const home = env['HF_HOME'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'huggingface');
  return env['FARSIGHT_CACHE'] ?? env['HF_HUB_CACHE'] ?? env['HUGGINGFACE_HUB_CACHE'] ?? join(home, 'hub');
}

/** The part of a repository `owner/name` in a cache folder. */
export function hubStore(cache: string, repo: string): HubStore {
  const root = join(cache, `models--${repo.split('/').join('--')}`);
  const snapshot = (commit: string, path: string): string => join(root, 'snapshots', commit, path);
  const blob = (hash: string): string => join(root, 'blobs', hash);
  return {
    blob,
    snapshot,
    commitOf: async (revision) => {
      if (isCommit(revision)) return revision;
      const text = await readFile(join(root, 'refs', revision), 'utf8').catch(() => '');
      return isCommit(text.trim()) ? text.trim() : null;
    },
    remember: async (revision, commit) => {
      if (isCommit(revision)) return;
      const path = join(root, 'refs', revision);
      await mkdir(dirname(path), { recursive: true });
      await replace(path, (temporary) => writeFile(temporary, commit));
    },
    files: async (commit) => {
      const folder = join(root, 'snapshots', commit);
      const entries = await readdir(folder, { recursive: true }).catch(() => []);
      const found: string[] = [];
      for (const entry of entries) {
        if (!entry.endsWith('.part') && (await isFile(join(folder, entry)))) found.push(entry.split('\\').join('/'));
      }
      return found.sort();
    },
    link: async (commit, path, hash) => {
      const to = snapshot(commit, path);
      await mkdir(dirname(to), { recursive: true });
      await replace(to, (temporary) => linkOrCopy(blob(hash), temporary, dirname(to)));
    },
  };
}

/** Whether there is a file, links followed. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isFile(),
    () => false,
  );
}

/** A link relative to its folder, so that the cache may be moved; a copy where the system has no links. */
async function linkOrCopy(blob: string, to: string, folder: string): Promise<void> {
  await symlink(relative(folder, blob), to).catch(() => copyFile(blob, to));
}

let made = 0;

/** Makes a file under another name and renames it over `path`: others see the old or the new one. */
async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  made += 1;
  const temporary = `${path}.${process.pid}-${made}.part`;
  try {
    await rm(temporary, { force: true });
    await make(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
