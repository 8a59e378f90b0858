/** What the two losses of a judge say, in words. */

/** Mean losses of the judge below which it has won, and above which it guesses: ln 2 is a guess. */
const WON = 0.15;
const GUESSED = 0.6;
/** Deviation of the losses, as a share of their mean, from which on they swing. */
const SWING = 0.35;
/** Values that are looked at: the last quarter of a curve, and at least so many. */
const LEAST = 8;

/**
 * Who is ahead, and whether the losses are steady.
 * @param {number[]} judge the judge's losses, in nats
 * @param {number[]} maker the losses of who is judged
 */
export function sayBalance(judge, maker) {
  const recent = (values) => values.slice(-Math.max(LEAST, values.length >> 2));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = (values) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2))) / Math.max(mean(values), 1e-9);
  if (judge.length < LEAST) return "";
  const nats = mean(recent(judge));
  const state = nats < WON ? "The judge knows almost every made picture, and the other network learns little from it." : nats > GUESSED ? "The judge can hardly tell made pictures from yours." : "Neither of the two has won: both go on learning.";
  const isSwinging = Math.max(deviation(recent(judge)), deviation(recent(maker))) > SWING;
  return `${state} ${isSwinging ? "The losses swing: training is unsteady." : "The losses are steady."}`;
}
