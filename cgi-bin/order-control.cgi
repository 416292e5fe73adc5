#!@RETRYSAFE_CGI@
{
  "//": "A template: README, A control file, has the line that fills in the two paths.",
  "store": "sqlite:@STORE@",
  "script": "order.pl",
  "key": "required"
}
