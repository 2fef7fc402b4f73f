# A serial line does not tell what terminal is at its other end; the host does, on the kernel's command line.
if [ -t 0 ]; then
	for word in $(cat /proc/cmdline); do
		case $word in
		guise.rows=*) stty rows "${word#*=}" ;;
		guise.columns=*) stty columns "${word#*=}" ;;
		guise.term=*) export TERM="${word#*=}" ;;
		esac
	done
fi
