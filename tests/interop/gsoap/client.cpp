// client WSDL ENDPOINT|- VERSION CALL...: what the proxy of gSOAP reads, as lines of name and value.
// The calls are described in tests/interop/wording.py. WSDL and VERSION are those that the proxy was generated from.
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "LoanScoringSoap.nsmap"
#include "soapLoanScoringSoapProxy.h"

typedef std::map<std::string, std::string> Fields;

static void told(const std::string &name, const std::string &value)
{
    std::cout << name << '\t' << value << '\n';
}

static std::vector<std::string> split(const std::string &text, char by)
{
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, by);)
        parts.push_back(part);
    return parts;
}

static Fields fields(const std::string &text)
{
    Fields found;
    for (const std::string &pair : split(text, ';')) {
        const auto at = pair.find('=');
        found[pair.substr(0, at)] = pair.substr(at + 1);
    }
    return found;
}

// Each generated enumeration has functions soap_s2... and soap_...2s, named after its type.
#define READ(type, into) soap_s2ns2__##type(soap, given.at(#type).c_str(), &(into))
#define READ_OPTIONAL(type, owner)                                  \
    if (given.count(#type)) {                                       \
        (owner)->type = soap_new_ns2__##type(soap);                  \
        READ(type, *(owner)->type);                                 \
    }

static ns1__Applicant *applicant(struct soap *soap, const Fields &given)
{
    ns1__Applicant *made = soap_new_ns1__Applicant(soap);
    made->Age = std::stoi(given.at("Age"));
    READ(Employment, made->Employment);
    READ(Job, made->Job);
    READ(Housing, made->Housing);
    if (given.count("ResidenceSince")) {
        made->ResidenceSince = soap_new_int(soap);
        *made->ResidenceSince = std::stoi(given.at("ResidenceSince"));
    }
    made->Dependents = std::stoi(given.at("Dependents"));
    READ_OPTIONAL(Telephone, made)
    return made;
}

static ns1__Loan *loan(struct soap *soap, const Fields &given)
{
    ns1__Loan *made = soap_new_ns1__Loan(soap);
    made->DurationMonths = std::stoi(given.at("DurationMonths"));
    made->Amount = given.at("Amount");
    READ(Purpose, made->Purpose);
    made->InstallmentRate = std::stoi(given.at("InstallmentRate"));
    return made;
}

static ns1__Accounts *accounts(struct soap *soap, const Fields &given)
{
    ns1__Accounts *made = soap_new_ns1__Accounts(soap);
    READ(Checking, made->Checking);
    READ_OPTIONAL(Savings, made)
    READ(History, made->History);
    made->ExistingCredits = std::stoi(given.at("ExistingCredits"));
    return made;
}

static ns1__Security *security(struct soap *soap, const Fields &given)
{
    ns1__Security *made = soap_new_ns1__Security(soap);
    READ(OtherDebtors, made->OtherDebtors);
    READ_OPTIONAL(Property, made)
    READ(OtherPlans, made->OtherPlans);
    return made;
}

static ns1__Application *application(struct soap *soap, const std::string &text)
{
    const Fields given = fields(text);
    ns1__Application *made = soap_new_ns1__Application(soap);
    made->Id = given.at("Id");
    made->ReceivedOn = given.at("ReceivedOn");
    made->Applicant = applicant(soap, given);
    made->Loan = loan(soap, given);
    made->Accounts = accounts(soap, given);
    made->Security = security(soap, given);
    made->Channel = soap_new_ns2__Channel(soap);
    READ(Channel, *made->Channel);
    return made;
}

// To gSOAP nil and absent are the same.
static void result(struct soap *soap, const ns1__Result &found)
{
    std::string reasons;
    for (ns2__Reason reason : found.Reasons->Reason)
        reasons += (reasons.empty() ? "" : ",") + std::string(soap_ns2__Reason2s(soap, reason));
    told("ApplicationId", found.ApplicationId);
    told("Decision", soap_ns2__Decision2s(soap, found.Decision));
    told("Score", found.Score);
    told("DecidedOn", found.DecidedOn);
    told("Reasons", reasons);
    told("Limit", found.Limit ? *found.Limit : "none");
}

static int call(LoanScoringSoapProxy &proxy, const std::string &kind, const std::string &rest)
{
    struct soap *soap = proxy.soap;
    int failed = SOAP_OK;
    if (kind == "score") {
        _ns1__ScoreLoan asked;
        _ns1__ScoreLoanResponse reply;
        asked.Application = application(soap, rest);
        if (!(failed = proxy.ScoreLoan(&asked, reply)))
            result(soap, *reply.Result);
    } else if (kind == "batch") {
        const std::vector<std::string> parts = split(rest, '|');
        _ns1__ScoreBatch asked;
        _ns1__ScoreBatchResponse reply;
        asked.BatchId = parts[0];
        asked.Applications = soap_new_ns1__Applications(soap);
        for (size_t at = 1; at < parts.size(); ++at)
            asked.Applications->Application.push_back(application(soap, parts[at]));
        if (!(failed = proxy.ScoreBatch(&asked, reply))) {
            told("BatchId", reply.BatchId);
            for (const ns1__Result *one : reply.Results->Result) {
                told("result", "");
                result(soap, *one);
            }
        }
    } else if (kind == "tariff") {
        const std::vector<std::string> parts = split(rest, ';');
        _ns1__GetTariff asked;
        _ns1__GetTariffResponse reply;
        asked.DurationMonths = std::stoi(parts[0]);
        asked.Amount = soap_new_ns1__CurrencyAmount(soap);
        asked.Amount->__item = parts[2];
        soap_s2ns2__Currency(soap, parts[1].c_str(), &asked.Amount->Currency);
        if (!(failed = proxy.GetTariff(&asked, reply))) {
            told("NominalRate", reply.Tariff->NominalRate);
            told("EffectiveRate", reply.Tariff->EffectiveRate);
            told("ValidFrom", reply.Tariff->ValidFrom);
        }
    } else {
        ns1__Probe asked;
        _ns1__ProbeReply reply;
        std::string text = rest;
        asked.Text = &text;
        if (!(failed = proxy.Ping(&asked, reply))) {
            told("Text", *reply.Text);
            told("Release", reply.Release);
        }
    }
    return failed;
}

static bool refusal(struct soap *soap)
{
    if (!soap->fault)
        return false;
    const struct SOAP_ENV__Detail *detail = soap->version == 2 ? soap->fault->SOAP_ENV__Detail : soap->fault->detail;
    if (!detail || !detail->ns1__InvalidApplication)
        return false;
    const _ns1__InvalidApplication &found = *detail->ns1__InvalidApplication;
    const char *code = std::strrchr(*soap_faultcode(soap), ':');
    told("fault", "InvalidApplication");
    told("faultcode", code ? code + 1 : *soap_faultcode(soap));
    if (found.ApplicationId)
        told("ApplicationId", *found.ApplicationId);
    told("Field", found.Field);
    told("Code", found.Code);
    told("Message", found.Message);
    return true;
}

int main(int count, char **given)
{
    LoanScoringSoapProxy proxy(SOAP_C_UTFSTRING | SOAP_XML_STRICT);
    if (std::strcmp(given[2], "-"))
        proxy.soap_endpoint = given[2];
    for (int at = 4; at < count; ++at) {
        const std::string text = given[at];
        const std::string kind = text.substr(0, text.find(':'));
        told("call", kind);
        if (call(proxy, kind, text.substr(kind.size() + 1)) && !refusal(proxy.soap)) {
            proxy.soap_stream_fault(std::cerr);
            return 1;
        }
    }
    return 0;
}
