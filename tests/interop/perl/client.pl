# perl client.pl WSDL ENDPOINT|- VERSION CALL...: what SOAP::Lite reads, as lines of name and value.
# The calls are described in tests/interop/wording.py.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));
use Encode qw(decode);
use SOAP::Lite;

my @GROUPS = (
    [Applicant => qw(Age Employment Job Housing ResidenceSince Dependents Telephone)],
    [Loan => qw(DurationMonths Amount Purpose InstallmentRate)],
    [Accounts => qw(Checking Savings History ExistingCredits)],
    [Security => qw(OtherDebtors Property OtherPlans)],
);

my ($wsdl, $endpoint, $version, @calls) = map { decode('UTF-8', $_) } @ARGV;
SOAP::Lite->soapversion($version);  # of the whole process: an instance would keep the envelope of 1.1
my $schema = SOAP::Schema->new(schema_url => $wsdl);
$schema->parse;
my ($service) = values %{ $schema->services };

sub told { print "$_[0]\t$_[1]\n" }

# Without a type, which document/literal has no use for, SOAP::Lite leaves escaping to its caller.
sub element { return SOAP::Data->name("t:$_[0]")->value(SOAP::Utils::encode_data($_[1])) }

sub children { my ($name, @inner) = @_; return SOAP::Data->name("t:$name")->value(\SOAP::Data->value(@inner)) }

sub application {
    my %given = map { split /=/, $_, 2 } split /;/, $_[0];
    my @groups = map {
        my ($name, @names) = @$_;
        children($name, map { element($_, $given{$_}) } grep { exists $given{$_} } @names);
    } @GROUPS;
    my @inner = (element(Id => $given{Id}), element(ReceivedOn => $given{ReceivedOn}), @groups);
    return children(Application => @inner)->attr({ Channel => $given{Channel} });
}

sub result {
    my ($som, $path) = @_;
    told($_, $som->valueof("$path/$_")) for qw(ApplicationId Decision Score DecidedOn);
    told(Reasons => join ',', $som->valueof("$path/Reasons/Reason"));
    my $limit = $som->match("$path/Limit") ? $som->valueof("$path/Limit") // 'nil' : 'absent';
    told(Limit => $limit);
}

sub request {
    my ($operation, $name, @inner) = @_;
    my %method = map { $_ => "$service->{$operation}{$_}" } qw(endpoint soapaction namespace);
    my $client = SOAP::Lite->new->autotype(0)
        ->proxy($endpoint eq '-' ? $method{endpoint} : $endpoint)->ns($method{namespace}, 't')
        ->on_action(sub { qq("$method{soapaction}") });
    my $som = $client->call("t:$name", @inner);
    die $client->transport->status . "\n" unless ref $som;
    return $som unless $som->fault;
    # Its own faultcode and faultdetail know the names of 1.1 only.
    my $code = $som->faultcode // $som->valueof('//Fault/Code/Value');
    my $detail = $som->faultdetail // $som->valueof('//Fault/Detail');
    my $known = ref $detail && $detail->{InvalidApplication} or die "$code: an undeclared fault\n";
    told(fault => 'InvalidApplication');
    told(faultcode => $code =~ s/^.*://r);
    told($_, $known->{$_}) for sort keys %$known;
    return;
}

my %KINDS = (
    score => sub {
        my $som = request('ScoreLoan', 'ScoreLoan', application($_[0])) or return;
        result($som, '//ScoreLoanResponse/Result');
    },
    batch => sub {
        my ($id, @texts) = split /\|/, $_[0];
        my @inner = (element(BatchId => $id), children(Applications => map { application($_) } @texts));
        my $som = request('ScoreBatch', 'ScoreBatch', @inner) or return;
        told(BatchId => $som->valueof('//ScoreBatchResponse/BatchId'));
        my $count = () = $som->valueof('//Results/Result');
        for my $at (1 .. $count) {
            told(result => '');
            result($som, "//Results/[$at]");
        }
    },
    tariff => sub {
        my ($months, $currency, $amount) = split /;/, $_[0];
        my $priced = element(Amount => $amount)->attr({ Currency => $currency });
        my $som = request('GetTariff', 'GetTariff', element(DurationMonths => $months), $priced) or return;
        told($_, $som->valueof("//Tariff/$_")) for qw(NominalRate EffectiveRate ValidFrom);
    },
    ping => sub {
        my $som = request('Ping', 'Probe', element(Text => $_[0])) or return;
        told($_, $som->valueof("//ProbeReply/$_")) for qw(Text Release);
    },
);

for my $call (@calls) {
    my ($kind, $rest) = split /:/, $call, 2;
    told(call => $kind);
    $KINDS{$kind}->($rest);
}
