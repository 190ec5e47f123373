/** A fault of the user's, told in one sentence; exit code 1. */
export class CommandFault extends Error {}
