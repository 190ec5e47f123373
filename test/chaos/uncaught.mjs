/** A fault planted by `node --import`: on SIGUSR2 a rejection that nobody handles, and where PLANTED_FAULT says so an exception that nobody catches. */
process.on('SIGUSR2', () => {
  if (process.env.PLANTED_FAULT === 'exception') {
    throw new Error('planted exception');
  }
  void Promise.reject(new Error('planted rejection'));
});
