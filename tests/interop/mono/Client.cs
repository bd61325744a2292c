// mono client.exe WSDL ENDPOINT|- VERSION CALL...: what the proxy of Mono's `wsdl` reads, as lines of name and value.
// The calls are described in tests/interop/wording.py. WSDL is not read: the proxy was generated from it.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Web.Services.Protocols;
using System.Xml;
using Loans;

static class Client
{
    static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    static void Told(string name, object value)
    {
        Console.WriteLine(name + "\t" + value);
    }

    static string Text(decimal number) { return number.ToString(Plain); }

    static string Text(DateTime day) { return day.ToString("yyyy-MM-dd", Plain); }

    static T Code<T>(string text) { return (T)Enum.Parse(typeof(T), text); }

    static Application Application(string text)
    {
        var given = text.Split(';').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return new Application {
            Id = given["Id"],
            ReceivedOn = DateTime.ParseExact(given["ReceivedOn"], "yyyy-MM-dd", Plain),
            Applicant = Applicant(given),
            Loan = new Loan {
                DurationMonths = int.Parse(given["DurationMonths"]),
                Amount = decimal.Parse(given["Amount"], Plain),
                Purpose = Code<Purpose>(given["Purpose"]),
                InstallmentRate = int.Parse(given["InstallmentRate"]),
            },
            Accounts = Accounts(given),
            Security = Security(given),
            Channel = Code<Channel>(given["Channel"]),
            ChannelSpecified = true,
        };
    }

    static Applicant Applicant(Dictionary<string, string> given)
    {
        var made = new Applicant {
            Age = int.Parse(given["Age"]),
            Employment = Code<Employment>(given["Employment"]),
            Job = Code<Job>(given["Job"]),
            Housing = Code<Housing>(given["Housing"]),
            ResidenceSinceSpecified = given.ContainsKey("ResidenceSince"),
            Dependents = int.Parse(given["Dependents"]),
            TelephoneSpecified = given.ContainsKey("Telephone"),
        };
        if (made.ResidenceSinceSpecified) made.ResidenceSince = int.Parse(given["ResidenceSince"]);
        if (made.TelephoneSpecified) made.Telephone = Code<Telephone>(given["Telephone"]);
        return made;
    }

    static Accounts Accounts(Dictionary<string, string> given)
    {
        var made = new Accounts {
            Checking = Code<Checking>(given["Checking"]),
            SavingsSpecified = given.ContainsKey("Savings"),
            History = Code<History>(given["History"]),
            ExistingCredits = int.Parse(given["ExistingCredits"]),
        };
        if (made.SavingsSpecified) made.Savings = Code<Savings>(given["Savings"]);
        return made;
    }

    static Security Security(Dictionary<string, string> given)
    {
        var made = new Security {
            OtherDebtors = Code<OtherDebtors>(given["OtherDebtors"]),
            PropertySpecified = given.ContainsKey("Property"),
            OtherPlans = Code<OtherPlans>(given["OtherPlans"]),
        };
        if (made.PropertySpecified) made.Property = Code<Property>(given["Property"]);
        return made;
    }

    static void Result(Result found)
    {
        Told("ApplicationId", found.ApplicationId);
        Told("Decision", found.Decision);
        Told("Score", Text(found.Score));
        Told("DecidedOn", Text(found.DecidedOn));
        Told("Reasons", string.Join(",", found.Reasons ?? new Reason[0]));
        Told("Limit", found.Limit.HasValue ? Text(found.Limit.Value) : found.LimitSpecified ? "nil" : "absent");
    }

    static void Call(LoanScoring service, string kind, string rest)
    {
        switch (kind) {
        case "score":
            Result(service.ScoreLoan(Application(rest)));
            break;
        case "batch":
            var texts = rest.Split('|');
            var id = texts[0];
            var results = service.ScoreBatch(ref id, texts.Skip(1).Select(Application).ToArray());
            Told("BatchId", id);
            foreach (var one in results) {
                Told("result", "");
                Result(one);
            }
            break;
        case "tariff":
            var asked = rest.Split(';');
            var priced = new CurrencyAmount { Currency = Code<Currency>(asked[1]), Value = decimal.Parse(asked[2], Plain) };
            var tariff = service.GetTariff(int.Parse(asked[0]), priced);
            Told("NominalRate", Text(tariff.NominalRate));
            Told("EffectiveRate", Text(tariff.EffectiveRate));
            Told("ValidFrom", Text(tariff.ValidFrom));
            break;
        case "ping":
            var reply = service.Ping(new Probe { Text = rest });
            Told("Text", reply.Text);
            Told("Release", reply.Release);
            break;
        }
    }

    // The generated proxy has no type for a fault's detail: to its callers it is XML.
    static bool Refusal(SoapException fault)
    {
        var detail = fault.Detail == null ? null : fault.Detail["InvalidApplication", "http://bank.example/loans/2004/05"];
        if (detail == null) return false;
        Told("fault", "InvalidApplication");
        Told("faultcode", fault.Code.Name);
        foreach (XmlElement one in detail.ChildNodes.OfType<XmlElement>()) Told(one.LocalName, one.InnerText);
        return true;
    }

    static void Main(string[] given)
    {
        Console.SetOut(new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true });
        var service = new LoanScoring();
        service.SoapVersion = given[2] == "1.2" ? SoapProtocolVersion.Soap12 : SoapProtocolVersion.Soap11;
        if (given[1] != "-") service.Url = given[1];
        foreach (var call in given.Skip(3)) {
            var kind = call.Substring(0, call.IndexOf(':'));
            Told("call", kind);
            try {
                Call(service, kind, call.Substring(kind.Length + 1));
            } catch (SoapException fault) {
                if (!Refusal(fault)) throw;
            }
        }
    }
}
