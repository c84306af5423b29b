import { Fault } from '../core/fault.ts';
import { familyOf } from '../model/networks/families.ts';
import type { NetworkConfig } from '../model/networks/named.ts';
import type { RunConfig } from './config.ts';
import { optimizer } from './optimizers/optimizer.ts';

/** What of a configuration cannot be: where, what was expected, what is there. */
type Complaint = readonly [where: string, expected: string, got: unknown];

/** Refuses combinations of options, each right by itself, that make no run. */
export function checkRun(config: RunConfig, network: NetworkConfig, where = 'config'): void {
  optimizer(config.optimizer);
  const complaints = [...scheduleComplaints(config), ...freezeComplaints(config, network), ...otherComplaints(config)];
  if (complaints.length === 0) return;
  const said = complaints.map(([at, expected, got]) => `${at}: expected ${expected}, got ${JSON.stringify(got)}.`);
  throw new Fault('config', `${where}: ${said.join(' ')}`);
}

function* scheduleComplaints({ schedule, epochs, learningRate, evaluateEvery }: RunConfig): Generator<Complaint> {
  const { warmup } = schedule;
  if (warmup > epochs) yield ['schedule.warmup', `at most the ${epochs} epochs of the run`, warmup];
  if ('minimum' in schedule && schedule.minimum > learningRate) {
    yield ['schedule.minimum', `at most the learning rate, ${learningRate}`, schedule.minimum];
  }
  if ((schedule.warmupRate ?? 0) > learningRate) {
    yield ['schedule.warmupRate', `at most the learning rate, ${learningRate}`, schedule.warmupRate];
  }
  if ('cycles' in schedule && (schedule.cooldown ?? 0) + warmup > epochs) {
    const wanted = `at most ${epochs - warmup}, what the warm-up leaves of ${epochs} epochs`;
    yield ['schedule.cooldown', wanted, schedule.cooldown];
  }
  if (schedule.kind === 'plateau' && epochs <= evaluateEvery) {
    yield ['evaluateEvery', `less than the ${epochs} epochs, since a plateau is seen by evaluations`, evaluateEvery];
  }
}

function* freezeComplaints(
  { freeze, layerDecay, preciseNorm }: RunConfig,
  network: NetworkConfig,
): Generator<Complaint> {
  const stages = familyOf(network.kind).stages(network);
  if (freeze.stages !== null && freeze.stages > stages) {
    yield ['freeze.stages', `at most the ${stages} stages of the network`, freeze.stages];
  }
  if (freeze.stages === stages && layerDecay !== null) {
    yield ['layerDecay', 'null where all stages are frozen, since the head is one layer', layerDecay];
  }
  if (freeze.norms && preciseNorm > 0) {
    yield ['preciseNorm', '0 where freeze.norms keeps statistics as they are', preciseNorm];
  }
}

function* otherComplaints({ loss, metric }: RunConfig): Generator<Complaint> {
  if (metric === 'meanAveragePrecision' && loss?.kind === 'cross-entropy') {
    yield ['metric', 'another than meanAveragePrecision, which is of data with several labels a picture', metric];
  }
}
