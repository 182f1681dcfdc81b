#!/bin/sh
rm -rf /tmp/reports
