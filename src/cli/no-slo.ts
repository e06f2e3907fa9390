/** How to go on without an SLO. */
export const WRITE_ONE = 'write an SLO into it (README, "An SLO") or name other files';
/** Said of files and folders without a single SLO. */
export const NO_SLO = `holds no SLO; ${WRITE_ONE}`;
