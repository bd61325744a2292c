import java.io.PrintStream;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import javax.xml.bind.JAXBElement;
import javax.xml.datatype.DatatypeFactory;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.Holder;
import loans.*;

/**
 * java Client WSDL ENDPOINT|- VERSION CALL...: what the port made by wsimport reads, as lines of name and value.
 * The calls are described in tests/interop/wording.py. WSDL is the one that the classes were generated from.
 */
public final class Client {
    private static PrintStream out;

    private static void told(String name, Object value) {
        out.println(name + "\t" + value);
    }

    private static Application application(String text) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (String pair : text.split(";")) {
            given.put(pair.split("=")[0], pair.split("=")[1]);
        }
        Application made = new Application();
        made.setId(given.get("Id"));
        made.setReceivedOn(DatatypeFactory.newInstance().newXMLGregorianCalendar(given.get("ReceivedOn")));
        made.setApplicant(applicant(given));
        made.setLoan(loan(given));
        made.setAccounts(accounts(given));
        made.setSecurity(security(given));
        made.setChannel(Channel.fromValue(given.get("Channel")));
        return made;
    }

    private static Applicant applicant(Map<String, String> given) {
        Applicant made = new Applicant();
        made.setAge(Integer.parseInt(given.get("Age")));
        made.setEmployment(Employment.fromValue(given.get("Employment")));
        made.setJob(Job.fromValue(given.get("Job")));
        made.setHousing(Housing.fromValue(given.get("Housing")));
        if (given.containsKey("ResidenceSince")) {
            made.setResidenceSince(Integer.valueOf(given.get("ResidenceSince")));
        }
        made.setDependents(Integer.parseInt(given.get("Dependents")));
        if (given.containsKey("Telephone")) {
            made.setTelephone(Telephone.fromValue(given.get("Telephone")));
        }
        return made;
    }

    private static Loan loan(Map<String, String> given) {
        Loan made = new Loan();
        made.setDurationMonths(Integer.parseInt(given.get("DurationMonths")));
        made.setAmount(new BigDecimal(given.get("Amount")));
        made.setPurpose(Purpose.fromValue(given.get("Purpose")));
        made.setInstallmentRate(Integer.parseInt(given.get("InstallmentRate")));
        return made;
    }

    private static Accounts accounts(Map<String, String> given) {
        Accounts made = new Accounts();
        made.setChecking(Checking.fromValue(given.get("Checking")));
        if (given.containsKey("Savings")) {
            made.setSavings(Savings.fromValue(given.get("Savings")));
        }
        made.setHistory(History.fromValue(given.get("History")));
        made.setExistingCredits(Integer.parseInt(given.get("ExistingCredits")));
        return made;
    }

    private static Security security(Map<String, String> given) {
        Security made = new Security();
        made.setOtherDebtors(OtherDebtors.fromValue(given.get("OtherDebtors")));
        if (given.containsKey("Property")) {
            made.setProperty(Property.fromValue(given.get("Property")));
        }
        made.setOtherPlans(OtherPlans.fromValue(given.get("OtherPlans")));
        return made;
    }

    private static void result(Result found) {
        told("ApplicationId", found.getApplicationId());
        told("Decision", found.getDecision().value());
        told("Score", found.getScore().toPlainString());
        told("DecidedOn", found.getDecidedOn());
        told("Reasons", found.getReasons().getReason().stream().map(Reason::value).collect(Collectors.joining(",")));
        JAXBElement<BigDecimal> limit = found.getLimit();
        told("Limit", limit == null ? "absent" : limit.isNil() ? "nil" : limit.getValue().toPlainString());
    }

    private static void call(LoanScoringPortType port, String kind, String rest) throws Exception {
        switch (kind) {
            case "score":
                result(port.scoreLoan(application(rest)));
                break;
            case "batch":
                String[] texts = rest.split("\\|");
                Applications applications = new Applications();
                for (String text : Arrays.copyOfRange(texts, 1, texts.length)) {
                    applications.getApplication().add(application(text));
                }
                Holder<String> id = new Holder<>(texts[0]);
                Holder<Results> results = new Holder<>();
                port.scoreBatch(id, applications, results);
                told("BatchId", id.value);
                for (Result one : results.value.getResult()) {
                    told("result", "");
                    result(one);
                }
                break;
            case "tariff":
                String[] asked = rest.split(";");
                CurrencyAmount priced = new CurrencyAmount();
                priced.setCurrency(Currency.fromValue(asked[1]));
                priced.setValue(new BigDecimal(asked[2]));
                Tariff tariff = port.getTariff(Integer.parseInt(asked[0]), priced);
                told("NominalRate", tariff.getNominalRate().toPlainString());
                told("EffectiveRate", tariff.getEffectiveRate().toPlainString());
                told("ValidFrom", tariff.getValidFrom());
                break;
            case "ping":
                Probe probe = new Probe();
                probe.setText(rest);
                ProbeReply reply = port.ping(probe);
                told("Text", reply.getText());
                told("Release", reply.getRelease());
                break;
            default:
                throw new IllegalArgumentException(kind);
        }
    }

    // The exception of a declared fault carries its detail, but not its fault code.
    private static void refusal(InvalidApplication_Exception refused) {
        told("fault", "InvalidApplication");
        InvalidApplication detail = refused.getFaultInfo();
        if (detail.getApplicationId() != null) {
            told("ApplicationId", detail.getApplicationId());
        }
        told("Field", detail.getField());
        told("Code", detail.getCode());
        told("Message", detail.getMessage());
    }

    public static void main(String[] given) throws Exception {
        out = new PrintStream(System.out, true, "UTF-8");
        LoanScoring service = new LoanScoring();
        LoanScoringPortType port =
            given[2].equals("1.2") ? service.getLoanScoringSoap12() : service.getLoanScoringSoap();
        if (!given[1].equals("-")) {
            ((BindingProvider) port).getRequestContext().put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, given[1]);
        }
        for (String each : Arrays.copyOfRange(given, 3, given.length)) {
            String[] parts = each.split(":", 2);
            told("call", parts[0]);
            try {
                call(port, parts[0], parts[1]);
            } catch (InvalidApplication_Exception refused) {
                refusal(refused);
            }
        }
    }
}
