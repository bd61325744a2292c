<?php
// php client.php WSDL ENDPOINT|- VERSION CALL...: what PHP's own SoapClient reads, as lines of name and value.
// The calls are described in tests/interop/wording.py.

function told(string $name, $value): void
{
    echo $name, "\t", $value, "\n";
}

function pairs(string $text): array
{
    $found = [];
    foreach (explode(';', $text) as $pair) {
        [$name, $value] = explode('=', $pair, 2);
        $found[$name] = $value;
    }
    return $found;
}

function application(string $text): array
{
    $given = pairs($text);
    $groups = [
        'Applicant' => ['Age', 'Employment', 'Job', 'Housing', 'ResidenceSince', 'Dependents', 'Telephone'],
        'Loan' => ['DurationMonths', 'Amount', 'Purpose', 'InstallmentRate'],
        'Accounts' => ['Checking', 'Savings', 'History', 'ExistingCredits'],
        'Security' => ['OtherDebtors', 'Property', 'OtherPlans'],
    ];
    $made = ['Id' => $given['Id'], 'ReceivedOn' => $given['ReceivedOn'], 'Channel' => $given['Channel']];
    foreach ($groups as $group => $names) {
        $made[$group] = array_intersect_key($given, array_flip($names));
    }
    return $made;
}

function result(stdClass $result): void
{
    foreach (['ApplicationId', 'Decision', 'Score', 'DecidedOn'] as $name) {
        told($name, $result->$name);
    }
    told('Reasons', implode(',', $result->Reasons->Reason ?? []));
    told('Limit', property_exists($result, 'Limit') ? $result->Limit ?? 'nil' : 'absent');
}

function call(SoapClient $client, string $kind, string $rest): void
{
    switch ($kind) {
        case 'score':
            result($client->ScoreLoan(['Application' => application($rest)])->Result);
            break;
        case 'batch':
            $parts = explode('|', $rest);
            $applications = ['Application' => array_map('application', array_slice($parts, 1))];
            $reply = $client->ScoreBatch(['BatchId' => $parts[0], 'Applications' => $applications]);
            told('BatchId', $reply->BatchId);
            foreach ($reply->Results->Result ?? [] as $one) {
                told('result', '');
                result($one);
            }
            break;
        case 'tariff':
            [$months, $currency, $amount] = explode(';', $rest);
            $asked = ['DurationMonths' => (int) $months, 'Amount' => ['_' => $amount, 'Currency' => $currency]];
            foreach (get_object_vars($client->GetTariff($asked)->Tariff) as $name => $value) {
                told($name, $value);
            }
            break;
        case 'ping':
            $reply = $client->Ping(['Text' => $rest]);
            told('Text', $reply->Text);
            told('Release', $reply->Release);
    }
}

[, $wsdl, $endpoint, $version] = $argv;
$client = new SoapClient($wsdl, [
    'soap_version' => $version === '1.2' ? SOAP_1_2 : SOAP_1_1,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
] + ($endpoint === '-' ? [] : ['location' => $endpoint]));
foreach (array_slice($argv, 4) as $call) {
    [$kind, $rest] = explode(':', $call, 2);
    told('call', $kind);
    try {
        call($client, $kind, $rest);
    } catch (SoapFault $fault) {
        if (!isset($fault->detail->InvalidApplication)) {
            throw $fault;
        }
        told('fault', 'InvalidApplication');
        told('faultcode', preg_replace('/^.*:/', '', $fault->faultcode));
        foreach (get_object_vars($fault->detail->InvalidApplication) as $name => $value) {
            told($name, $value);
        }
    }
}
