#!@RETRYSAFE_CGI@
{
  "//": "A template: docs/deploy/cgi.md, A control file, has the line that fills in the two paths.",
  "store": "sqlite:@STORE@",
  "script": "order.pl",
  "key": "required"
}
