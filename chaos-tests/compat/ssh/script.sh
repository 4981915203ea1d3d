#!/bin/sh
echo "$1" > scripted
