#!@RETRYSAFE_CGI@
{
  "store": "sqlite:@STORE@",
  "script": "order.pl",
  "key": "required"
}
