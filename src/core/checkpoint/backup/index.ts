/** Copies of checkpoints on other disks: making them, verifying them, bringing them back. */
export { backUp, type Backup, type BackupOptions, type BackupRequest } from './backUp';
export { BackupError } from './backupError';
export { listBackups, type ListedBackup } from './listBackups';
export { bytesOfRecord, readRecord, RECORD, type BackupRecord, type BackupSource } from './record';
export { restore, type Restored, type RestoreRequest } from './restore';
export { verifyBackup, type BackupProblem, type VerifiedBackup } from './verifyBackup';
