/** Every test file of the in-host suite. */
import './activation.test';
import './model.test';
import './validate.test';
import './compare.test';
import './probe.test';
import './python.test';
import './torchFile.test';
import './targets.test';
import './taskWords.test';
import './tasks.test';
import './programs.test';
import './otherTrainers.test';
import './stop.test';
import './restart.test';
import './queue.test';
import './review.test';
import './start.test';
