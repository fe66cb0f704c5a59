import { movingUnderLoad } from './under-load.ts';

// Ten moves in a row are a nightly test: on emulated nodes one takes a minute and a half.
movingUnderLoad(4);
