/** The kernels: functions over byte offsets into one shared memory and a range of rows. They allocate nothing and keep nothing. */
export { gram, packBasis, rotate } from './dense';
export { diagonalize, eigenvectorRows, tridiagonalize } from './eigen';
export { rank, scoreEverything, scoreFactors, scoreNeighbours, shareNeighbours } from './rank';
export { addMarked, coverTiles, rankSimilar } from './rank-similar';
export { addGram, factorise, solveFour, timesFour } from './reasons';
export { observedLoss, ridgeLoss } from './loss';
export { project, solveRows, solveScratchBytes } from './solve';
