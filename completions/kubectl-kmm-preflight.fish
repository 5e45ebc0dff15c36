# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kubectl_kmm_preflight_global_optspecs
    string join \n o/output= q/quiet color= progress= v/verbose config= no-config h/help V/version
end

function __fish_kubectl_kmm_preflight_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kubectl_kmm_preflight_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kubectl_kmm_preflight_using_subcommand
    set -l cmd (__fish_kubectl_kmm_preflight_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -s V -l version -d 'Print version'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "run" -d 'Validate every Module against a kernel'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "status" -d 'Show the results of preflight CRs'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "generate" -d 'Print the preflight CR for this cluster\'s KMM'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "delete" -d 'Delete preflight CRs'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "targets" -d 'Print the kernels that a run with these flags would check'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "explain" -d 'Explain finding codes, or how each Module\'s spec is understood'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "kernel" -d 'List the kernels of a release, driver-toolkit or machine-os image'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "inspect" -d 'List the kernel modules in an image'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "completion" -d 'Print a completion script, or install completion for kubectl'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_needs_command" -f -a "version" -d 'Print the version of this program and of the cluster\'s KMM'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l shards -d 'Pods that share the work of the Job' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l image -d 'The image of this program' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l job-namespace -d 'The namespace of the Job and of its reports' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s f -l filename -d 'File, folder, URL or `-`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s k -l kustomize -d 'Folder with a kustomization' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l assume-image -d 'Image template that a Module\'s owner will set for kernels without a mapping' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s n -l namespace -d 'Only Modules of this namespace' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s l -l selector -d 'Only Modules with these labels' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l kernel-version -d 'Kernel to check against' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l release-image -d 'OpenShift release to check' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l to -d 'Update of the cluster, or `all`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l dtk-image -d 'Driver-toolkit image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l os-image -d 'Machine-os image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l kernel-type -d 'Kernel type' -r -f -a "default\t''
realtime\t''
64k-pages\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l os-stream -d 'Operating system stream of the release' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l pool -d 'Only the nodes of this MachineConfigPool' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l pools -d 'Read the kernels from the cluster\'s MachineConfigPools, or take the release\'s standard kernels' -r -f -a "auto\t'If the cluster has pools and they can be read'
off\t'Do not read them'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l arch -d 'Architecture to check for' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l kernel-dir -d 'Kernel facts from disk' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l signing-cert -d 'Certificate of a key that the kernel trusts, PEM or DER' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l oci-layout -d 'Look images up on disk first' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l authfile -d 'Credentials' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l registries-conf -d 'Mirrors and insecure registries' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l insecure-registry -d 'Registry with plain HTTP, or TLS without verification' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l ca-file -d 'Certificate authorities to trust besides the system\'s, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l cache-dir -d 'Cache for facts about layers and kernels' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l cache-size -d 'Maximum size of the cache' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s j -l jobs -d 'Modules checked in parallel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l timeout -d 'Stop after this time' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l accept -d 'Accept a finding' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l shard -d 'Check one of N parts of the Modules, I from 0' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l report-configmap -d 'Keep the report as ConfigMap NAME-report-I in the pod\'s namespace' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l pushgateway -d 'Push the metrics of -o prometheus to this Prometheus Pushgateway' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l kmm-version -d 'KMM release whose rules apply' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l kmm-flavor -d 'Whose KMM loads the modules' -r -f -a "openshift\t'OpenShift\'s'
upstream\t'The upstream operator'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l builder -d 'Program that builds images' -r -f -a "auto\t'The first of buildah, podman and docker that works'
buildah\t'buildah'
podman\t'podman'
docker\t'docker'
none\t'Build nothing: what would have to be built is an error'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l build-isolation -d 'Isolation of the Dockerfile\'s steps from this machine' -r -f -a "auto\t'The builder\'s own isolation; `chroot`, with a warning, where it does not work'
default\t'The builder\'s own isolation'
chroot\t'chroot only: steps see the processes and the network of this machine'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l stages -d 'Stages that may run' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l build-jobs -d 'Images built in parallel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l boot -d 'Load the modules on the target\'s own kernel in QEMU' -r -f -a "auto\t'If QEMU and a bootable kernel are available'
off\t'Do not boot'
require\t'A module that was not tested is an error'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l wait -d 'Wait until every module is decided' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l dry-run -d 'Print the CR without creating it' -r -f -a "none\t'Create the CR'
client\t'Print it'
server\t'Print it as the API server would store it'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l cross-check -d 'Check the images as well, because KMM does not check their contents' -r -f -a "auto\t'Every module that KMM decided on its image'
off\t'None'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l local -d 'Validate from this machine, without KMM'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l in-cluster -d 'Validate in the cluster'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l keep -d 'Keep the Job, its reports and its rights in the cluster'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l push-built-image -d 'Push what is built and signed'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s A -l all-namespaces -d 'Modules of all namespaces'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l current -d 'Check the nodes\' current kernels as well'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l rt -d 'Short for --kernel-type realtime'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l secure-boot -d 'The nodes use Secure Boot'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l no-cache -d 'Neither read nor write the cache'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l fail-fast -d 'Stop at the first module that is not verified'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s w -l watch -d 'Check modules again when their Module, ConfigMap or Secret changes, until all are verified'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l cleanup -d 'Delete the CR of this run afterwards'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l job-namespace -d 'The namespace of its reports' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s n -l namespace -d 'Only Modules of this namespace' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s l -l selector -d 'Only preflight CRs with these labels' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l accept -d 'Accept a finding' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l cache-dir -d 'For compatibility with kubectl' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s w -l watch -d 'Refresh until every module has a result'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l last -d 'The last report of a validation in the cluster'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s A -l all-namespaces -d 'Modules of all namespaces'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l kmm-version -d 'KMM release to print the CR for' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l image-list -d 'Print the images that the Modules need on these kernels, one per line, or as additionalImages of an oc-mirror ImageSetConfiguration,' -r -f -a "plain\t'One image per line'
oc-mirror\t'For oc-mirror v2'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s f -l filename -d 'File, folder, URL or `-`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s k -l kustomize -d 'Folder with a kustomization' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l assume-image -d 'Image template that a Module\'s owner will set for kernels without a mapping' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s n -l namespace -d 'Only Modules of this namespace' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s l -l selector -d 'Only Modules with these labels' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l cronjob -d 'The same as a CronJob' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l pushgateway -d 'Have the pods push their metrics to this Prometheus Pushgateway' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l accept -d 'Accept a finding in the pods' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l shards -d 'Pods that share the work of the Job' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l image -d 'The image of this program' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l job-namespace -d 'The namespace of the Job and of its reports' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l kernel-version -d 'Kernel to check against' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l release-image -d 'OpenShift release to check' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l to -d 'Update of the cluster, or `all`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l dtk-image -d 'Driver-toolkit image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l os-image -d 'Machine-os image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l kernel-type -d 'Kernel type' -r -f -a "default\t''
realtime\t''
64k-pages\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l os-stream -d 'Operating system stream of the release' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l pool -d 'Only the nodes of this MachineConfigPool' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l pools -d 'Read the kernels from the cluster\'s MachineConfigPools, or take the release\'s standard kernels' -r -f -a "auto\t'If the cluster has pools and they can be read'
off\t'Do not read them'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l arch -d 'Architecture to check for' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l kernel-dir -d 'Kernel facts from disk' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l signing-cert -d 'Certificate of a key that the kernel trusts, PEM or DER' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l oci-layout -d 'Look images up on disk first' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l authfile -d 'Credentials' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l registries-conf -d 'Mirrors and insecure registries' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l insecure-registry -d 'Registry with plain HTTP, or TLS without verification' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l ca-file -d 'Certificate authorities to trust besides the system\'s, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l cache-dir -d 'Cache for facts about layers and kernels' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l cache-size -d 'Maximum size of the cache' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s A -l all-namespaces -d 'Modules of all namespaces'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l push-built-image -d 'Have KMM push what it builds and signs'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l rbac -d 'Print the ClusterRoles of least rights'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l job -d 'Print a Job that runs the local validation in the cluster, with its rights'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l alert -d 'Print a PrometheusRule that warns before an upgrade'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l current -d 'Check the nodes\' current kernels as well'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l rt -d 'Short for --kernel-type realtime'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l secure-boot -d 'The nodes use Secure Boot'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l no-cache -d 'Neither read nor write the cache'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -s l -l selector -d 'Every CR with these labels' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l wait -d 'Wait until dependent objects are deleted as well' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l timeout -d 'Maximum time to wait' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l cache-dir -d 'For compatibility with kubectl' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l verified -d 'Every CR whose modules are all verified'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l kernel-version -d 'Kernel to check against' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l release-image -d 'OpenShift release to check' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l to -d 'Update of the cluster, or `all`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l dtk-image -d 'Driver-toolkit image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l os-image -d 'Machine-os image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l kernel-type -d 'Kernel type' -r -f -a "default\t''
realtime\t''
64k-pages\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l os-stream -d 'Operating system stream of the release' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l pool -d 'Only the nodes of this MachineConfigPool' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l pools -d 'Read the kernels from the cluster\'s MachineConfigPools, or take the release\'s standard kernels' -r -f -a "auto\t'If the cluster has pools and they can be read'
off\t'Do not read them'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l arch -d 'Architecture to check for' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l kernel-dir -d 'Kernel facts from disk' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l signing-cert -d 'Certificate of a key that the kernel trusts, PEM or DER' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l oci-layout -d 'Look images up on disk first' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l authfile -d 'Credentials' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l registries-conf -d 'Mirrors and insecure registries' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l insecure-registry -d 'Registry with plain HTTP, or TLS without verification' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l ca-file -d 'Certificate authorities to trust besides the system\'s, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l cache-dir -d 'Cache for facts about layers and kernels' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l cache-size -d 'Maximum size of the cache' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l current -d 'Check the nodes\' current kernels as well'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l rt -d 'Short for --kernel-type realtime'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l secure-boot -d 'The nodes use Secure Boot'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l no-cache -d 'Neither read nor write the cache'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand targets" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s f -l filename -d 'File, folder, URL or `-`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s k -l kustomize -d 'Folder with a kustomization' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l assume-image -d 'Image template that a Module\'s owner will set for kernels without a mapping' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s n -l namespace -d 'Only Modules of this namespace' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s l -l selector -d 'Only Modules with these labels' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l kmm-version -d 'KMM release whose rules apply' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l ca-file -d 'Certificate authorities to trust besides the system\'s where -f is a URL, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l kernel-version -d 'Kernel to check against' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l release-image -d 'OpenShift release to check' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l to -d 'Update of the cluster, or `all`' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l dtk-image -d 'Driver-toolkit image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l os-image -d 'Machine-os image of the kernel' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l kernel-type -d 'Kernel type' -r -f -a "default\t''
realtime\t''
64k-pages\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l os-stream -d 'Operating system stream of the release' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l pool -d 'Only the nodes of this MachineConfigPool' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l pools -d 'Read the kernels from the cluster\'s MachineConfigPools, or take the release\'s standard kernels' -r -f -a "auto\t'If the cluster has pools and they can be read'
off\t'Do not read them'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l arch -d 'Architecture to check for' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l kernel-dir -d 'Kernel facts from disk' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l signing-cert -d 'Certificate of a key that the kernel trusts, PEM or DER' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l list -d 'List every finding code'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s A -l all-namespaces -d 'Modules of all namespaces'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l current -d 'Check the nodes\' current kernels as well'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l rt -d 'Short for --kernel-type realtime'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l secure-boot -d 'The nodes use Secure Boot'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l arch -d 'Architecture to resolve' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l oci-layout -d 'Look images up on disk first' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l authfile -d 'Credentials' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l registries-conf -d 'Mirrors and insecure registries' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l insecure-registry -d 'Registry with plain HTTP, or TLS without verification' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l ca-file -d 'Certificate authorities to trust besides the system\'s, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l cache-dir -d 'Cache for facts about layers and kernels' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l cache-size -d 'Maximum size of the cache' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l no-cache -d 'Neither read nor write the cache'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand kernel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l arch -d 'Architecture to read' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l oci-layout -d 'Look images up on disk first' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l authfile -d 'Credentials' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l registries-conf -d 'Mirrors and insecure registries' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l insecure-registry -d 'Registry with plain HTTP, or TLS without verification' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l ca-file -d 'Certificate authorities to trust besides the system\'s, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l cache-dir -d 'Cache for facts about layers and kernels' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l cache-size -d 'Maximum size of the cache' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l no-cache -d 'Neither read nor write the cache'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -l dir -d 'Folder for `install`' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l kubeconfig -d 'The kubeconfig file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l context -d 'The kubeconfig\'s context' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l cluster -d 'The kubeconfig\'s cluster' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l user -d 'The kubeconfig\'s user' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -s s -l server -d 'Address of the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l token -d 'Bearer token for the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l username -d 'User name for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l password -d 'Password for basic authentication' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l client-certificate -d 'Client certificate, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l client-key -d 'Client key, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l certificate-authority -d 'Certificate authority of the API server, PEM' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l insecure-skip-tls-verify -d 'Do not verify the API server\'s certificate' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l tls-server-name -d 'Server name expected in the API server\'s certificate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l as -d 'User to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l as-uid -d 'UID to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l as-group -d 'Group to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l as-user-extra -d 'Extra field to impersonate' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l request-timeout -d 'Maximum time for one request to the API server' -r
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l disable-compression -d 'Disable compression of the API server\'s responses' -r -f -a "true\t''
false\t''"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -s o -l output -d 'Output format' -r -f -a "table\t'A table for people'
wide\t'A block per module with every detail'
short\t'Only modules that are not verified, and the last line'
json\t'The versioned report'
yaml\t'The same as YAML'
name\t'One module name per line, as module.kmm.sigs.x-k8s.io/NAME'
junit\t'JUnit XML'
sarif\t'SARIF 2.1.0'
github\t'GitHub workflow commands'
markdown\t'Markdown for step summaries and pull requests'
prometheus\t'Metrics in Prometheus\' text format'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR or TERM=dumb is set'
always\t'Always'
never\t'Never'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l progress -d 'How to show progress on stderr' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
bar\t'Bars on a terminal'
plain\t'Plain lines'
none\t'Nothing'"
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l config -d 'Configuration file' -r -F
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -s q -l quiet -d 'Print only the last line of the table'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -s v -l verbose -d 'Increase verbosity'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -l no-config -d 'Read no configuration file'
complete -c kubectl-kmm-preflight -n "__fish_kubectl_kmm_preflight_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-kmm -w kubectl-kmm-preflight
complete -c kubectl-kmm_preflight -w kubectl-kmm-preflight
