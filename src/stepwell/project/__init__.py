"""From a SAM or CloudFormation template, a bare definition or a folder to what is to be deployed, and deployed.

Guarantees that nothing outside the project's folder is read, that what is not deployed is listed, and that user code
is never imported. Deploys over AWS's own protocol, like any client. May import `functions.build` and `asl.jsontext`.
"""
