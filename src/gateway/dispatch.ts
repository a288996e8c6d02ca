import type { Call } from './call.ts';
import { S3Error } from './errors.ts';
import * as buckets from './operations/buckets.ts';
import { copyObject } from './operations/copy-object.ts';
import { deleteObject, deleteObjects } from './operations/delete-objects.ts';
import { getObject, headObject } from './operations/get-object.ts';
import { listObjects } from './operations/list-objects.ts';
import { listMultipartUploads, listParts } from './operations/list-uploads.ts';
import * as multipart from './operations/multipart-upload.ts';
import * as tags from './operations/object-tags.ts';
import { putObject } from './operations/put-object.ts';
import {
  BUCKET_ANSWERS,
  bucketSetting,
  getObjectAttributes,
  OBJECT_ANSWERS,
  objectSetting,
} from './operations/subresources.ts';
import type { S3Request } from './request.ts';

/** What a request asks to be done, under the name that S3's documentation and the metrics use. */
export interface Operation {
  name: string;
  run: (call: Call) => Promise<void>;
}

const operation = (name: string, run: (call: Call) => Promise<void>): Operation => ({ name, run });

const LIST_BUCKETS = operation('ListBuckets', buckets.listBuckets);
const HEAD_BUCKET = operation('HeadBucket', buckets.headBucket);
const CREATE_BUCKET = operation('CreateBucket', buckets.createBucket);
const DELETE_BUCKET = operation('DeleteBucket', buckets.deleteBucket);
const GET_LOCATION = operation('GetBucketLocation', buckets.getBucketLocation);
const LIST_OBJECTS = operation('ListObjects', listObjects);
const LIST_OBJECTS_V2 = operation('ListObjectsV2', listObjects);
const LIST_UPLOADS = operation('ListMultipartUploads', listMultipartUploads);
const DELETE_OBJECTS = operation('DeleteObjects', deleteObjects);
const GET_OBJECT = operation('GetObject', getObject);
const HEAD_OBJECT = operation('HeadObject', headObject);
const PUT_OBJECT = operation('PutObject', putObject);
const COPY_OBJECT = operation('CopyObject', copyObject);
const DELETE_OBJECT = operation('DeleteObject', deleteObject);
const GET_ATTRIBUTES = operation('GetObjectAttributes', getObjectAttributes);
const CREATE_UPLOAD = operation('CreateMultipartUpload', multipart.createMultipartUpload);
const UPLOAD_PART = operation('UploadPart', multipart.uploadPart);
const UPLOAD_PART_COPY = operation('UploadPartCopy', multipart.uploadPartCopy);
const COMPLETE_UPLOAD = operation('CompleteMultipartUpload', multipart.completeMultipartUpload);
const ABORT_UPLOAD = operation('AbortMultipartUpload', multipart.abortMultipartUpload);
const LIST_PARTS = operation('ListParts', listParts);

/** By method and sub-resource. */
const OF_OBJECTS: Readonly<Record<string, Operation>> = {
  'GET tagging': operation('GetObjectTagging', tags.getObjectTagging),
  'PUT tagging': operation('PutObjectTagging', tags.putObjectTagging),
  'DELETE tagging': operation('DeleteObjectTagging', tags.deleteObjectTagging),
  'PUT acl': operation('PutObjectAcl', tags.putObjectAcl),
};

/** Query parameters that make a request another operation, which is not among those above. */
const OTHER_RESOURCES = [
  ...['accelerate', 'acl', 'analytics', 'append', 'attributes', 'cors', 'encryption', 'intelligent-tiering'],
  ...['inventory', 'legal-hold', 'lifecycle', 'logging', 'metadataTable', 'metrics', 'notification'],
  ...['object-lock', 'ownershipControls', 'policy', 'policyStatus', 'publicAccessBlock', 'renameObject'],
  ...['replication', 'requestPayment', 'restore', 'retention', 'select', 'session', 'tagging', 'torrent'],
  ...['versioning', 'versions', 'website'],
];

/** @throws S3Error NotImplemented, MethodNotAllowed */
export function operationOf(request: S3Request): Operation {
  const { query } = request;
  const plain = query.pairs.length === 0;
  if (request.bucket === '') {
    if (request.method === 'GET') return LIST_BUCKETS;
    throw notAllowed();
  }
  if (!plain) {
    const resource = OTHER_RESOURCES.find((name) => query.has(name));
    if (resource !== undefined) return otherOperation(request, resource);
  }
  return request.key === '' ? bucketOperation(request) : objectOperation(request);
}

function bucketOperation({ method, query }: S3Request): Operation {
  switch (method) {
    case 'GET':
      if (query.has('location')) return GET_LOCATION;
      if (query.has('uploads')) return LIST_UPLOADS;
      return query.get('list-type') === '2' ? LIST_OBJECTS_V2 : LIST_OBJECTS;
    case 'HEAD':
      return HEAD_BUCKET;
    case 'PUT':
      return CREATE_BUCKET;
    case 'DELETE':
      return DELETE_BUCKET;
    case 'POST':
      if (query.has('delete')) return DELETE_OBJECTS;
      throw new S3Error('NotImplemented', 'Uploads by HTML form are not implemented.');
    default:
      throw notAllowed();
  }
}

function objectOperation({ method, query, headers }: S3Request): Operation {
  const upload = query.has('uploadId');
  switch (method) {
    case 'GET':
      return upload ? LIST_PARTS : GET_OBJECT;
    case 'HEAD':
      return HEAD_OBJECT;
    case 'PUT': {
      const copies = headers['x-amz-copy-source'] !== undefined;
      if (upload) return copies ? UPLOAD_PART_COPY : UPLOAD_PART;
      return copies ? COPY_OBJECT : PUT_OBJECT;
    }
    case 'DELETE':
      return upload ? ABORT_UPLOAD : DELETE_OBJECT;
    case 'POST':
      if (query.has('uploads')) return CREATE_UPLOAD;
      if (upload) return COMPLETE_UPLOAD;
      throw notAllowed();
    default:
      throw notAllowed();
  }
}

function otherOperation(request: S3Request, resource: string): Operation {
  const own = request.key === '' ? undefined : OF_OBJECTS[`${request.method} ${resource}`];
  if (own) return own;
  if (request.method === 'GET') {
    const ofBucket = request.key === '';
    if ((ofBucket ? BUCKET_ANSWERS : OBJECT_ANSWERS)[resource]) {
      const run = ofBucket ? bucketSetting : objectSetting;
      return operation(`Get${ofBucket ? 'Bucket' : 'Object'}Setting`, (call) => run(call, resource));
    }
    if (resource === 'attributes' && !ofBucket) return GET_ATTRIBUTES;
  }
  throw new S3Error('NotImplemented', `?${resource} with ${request.method} is not implemented.`);
}

const notAllowed = (): S3Error =>
  new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.');
