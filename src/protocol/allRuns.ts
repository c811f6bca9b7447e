/** What a tab that is about no single run has in place of a run's path: in the host's list of tabs, and in what its page keeps. */
export const ALL_RUNS = 'all';
