/** Every message between the extension host and the probe's page; both sides check what they are sent. */
import type { Stage } from '../core/curriculum/curriculum';
import { readyMessage, reportMessage, type ReadyMessage, type ReportMessage } from './requests';
import { stage } from './curriculum';
import { count, list, message, name, nullable, number, object, parser, text, word } from './shape';

/** What one layer gave at one checkpoint; null where that is not known, or not finite. */
export interface ProbedLayerFacts {
  readonly layer: number;
  /** Of the gate's first rank. */
  readonly similarity: number | null;
  readonly vANorm: number | null;
  readonly vBNorm: number | null;
  readonly effectiveRank: number | null;
  readonly drift: number | null;
  /** Outputs that are NaN or infinite, in all projections and ranks. */
  readonly nonFinite: number;
}

export interface ProbedCheckpointFacts {
  readonly name: string;
  readonly step: number;
  readonly stage: string | null;
  /** Why it was not run, in one line; null where it was. */
  readonly problem: string | null;
  readonly layers: readonly ProbedLayerFacts[];
}

/** What the probe of a run found; whole. */
export interface ProbeMessage {
  readonly type: 'probe';
  /** Path of the run. */
  readonly run: string;
  readonly name: string;
  /** Unix seconds. */
  readonly time: number;
  readonly stages: readonly Stage[];
  /** What the components were run on; null where none was. */
  readonly input: 'probe.pt' | 'fixed' | 'both' | null;
  readonly tokens: number;
  /** Largest difference between a similarity and the trainer's own at that checkpoint; null where it logged none. */
  readonly largestDifference: number | null;
  /** Ascending by step. */
  readonly checkpoints: readonly ProbedCheckpointFacts[];
}

/** Which run the page is about, and how many of its complete checkpoints the last probe did not have. */
export interface ProbeNewsMessage {
  readonly type: 'news';
  readonly run: string;
  readonly name: string;
  readonly newer: number;
}

export type ProbeHostMessage = ProbeMessage | ProbeNewsMessage;

/** Probe the run again. */
export interface ProbeAgainMessage {
  readonly type: 'again';
}

export type ProbePageMessage = ReadyMessage | ProbeAgainMessage | ReportMessage;

const probedLayer = object<ProbedLayerFacts>({
  layer: count,
  similarity: nullable(number()),
  vANorm: nullable(number()),
  vBNorm: nullable(number()),
  effectiveRank: nullable(number()),
  drift: nullable(number()),
  nonFinite: count,
});

const probedCheckpoint = object<ProbedCheckpointFacts>({
  name,
  step: number(),
  stage: nullable(text()),
  problem: nullable(text()),
  layers: list(probedLayer),
});

const probe = object<ProbeMessage>({
  type: word('probe'),
  run: name,
  name,
  time: number(),
  stages: list(stage),
  input: nullable(word('probe.pt', 'fixed', 'both')),
  tokens: count,
  largestDifference: nullable(number()),
  checkpoints: list(probedCheckpoint),
});

const hostMessage = message<ProbeHostMessage>({
  probe,
  news: object({ type: word('news'), run: name, name, newer: count }),
});

const pageMessage = message<ProbePageMessage>({
  ready: readyMessage,
  again: object({ type: word('again') }),
  report: reportMessage,
});

/** What the page may be sent, checked. */
export const parseProbeHostMessage = parser(hostMessage);
/** What the page may send, checked. */
export const parseProbePageMessage = parser(pageMessage);
/** What the page kept of a probe, checked: another version may have kept it. */
export const parseProbe = parser(probe);
