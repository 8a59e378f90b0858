/** Questions to a model that outlive a lost GPU, where nothing else would ask again. */

/** Milliseconds between one question and the next. */
const PAUSE = 300;

/**
 * Asks until there is an answer: a model that lost its GPU is rebuilt meanwhile.
 * @template T
 * @param {() => Promise<T>} question
 * @param {() => boolean} wanted whether somebody still waits
 * @returns {Promise<T | null>} `null` once nobody does
 */
export async function answered(question, wanted) {
  while (wanted()) {
    try {
      const answer = await question();
      return wanted() ? answer : null;
    } catch (error) {
      if (!wanted()) return null;
      if (error.code !== "lost") throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
  return null;
}
