"""The programs: what the console scripts start."""

import warnings

# Older oslo libraries import eventlet where it is installed, and never use it
# here: a program that says what is wrong must say nothing else.
warnings.filterwarnings('ignore', message='\\s*Eventlet is deprecated')
