import { keepYoungSmall } from './base/young-generation.ts';
import { main } from './commands/program.ts';

keepYoungSmall();

void main(process.argv);
