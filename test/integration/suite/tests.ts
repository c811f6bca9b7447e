/** Every test file of the in-host suite. */
import './activation.test';
