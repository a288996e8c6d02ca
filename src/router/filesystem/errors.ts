import { type ErrorCode, type ErrorDetails, SluiceError } from '../../base/errors.ts';

/** A failure of a FileSystem. The classes below are named after Hadoop's exceptions. */
export class FileSystemError extends SluiceError {
  /** As it was asked for. */
  readonly path: string;

  constructor(code: ErrorCode, path: string, message: string, details?: ErrorDetails) {
    super(code, message, details);
    this.name = new.target.name;
    this.path = path;
  }
}

/** FileNotFoundException. */
export class FileNotFound extends FileSystemError {
  constructor(path: string, what = 'There is no file or directory') {
    super('NOT_FOUND', path, `${what} ${path}.`);
  }
}

/** FileAlreadyExistsException. */
export class FileAlreadyExists extends FileSystemError {
  constructor(path: string, what = 'exists already') {
    super('ALREADY_EXISTS', path, `${path} ${what}.`);
  }
}

/** PathIsNotEmptyDirectoryException. */
export class PathIsNotEmptyDirectory extends FileSystemError {
  constructor(path: string) {
    super('CONFLICT', path, `${path} is a directory that is not empty; delete it recursively.`);
  }
}

/** ParentNotDirectoryException. */
export class ParentNotDirectory extends FileSystemError {
  constructor(path: string, parent: string) {
    super('CONFLICT', path, `${path} cannot be there: ${parent} is a file.`);
  }
}

/** PathIsDirectoryException. */
export class PathIsDirectory extends FileSystemError {
  constructor(path: string) {
    super('CONFLICT', path, `${path} is a directory, and a file is needed.`);
  }
}

/** UnsupportedOperationException. */
export class UnsupportedOperation extends FileSystemError {
  constructor(path: string, what: string) {
    super('UNSUPPORTED', path, `${path}: ${what}.`);
  }
}

/** InvalidPathException. */
export class InvalidPath extends FileSystemError {
  constructor(path: string, why: string) {
    super('BAD_URI', path, `"${path}" is not a path here: ${why}.`);
  }
}

/** A rename that Hadoop answers with false or, as S3A does, with a RenameFailedException. */
export class RenameFailed extends FileSystemError {
  constructor(path: string, to: string, why: string) {
    super('CONFLICT', path, `${path} was not renamed to ${to}: ${why}.`);
  }
}
